"""From a platform's answer to a row's next state: pure rules, one table of outcomes.

What in-doubt rows may do depends on the platform's dedup promise alone (DESIGN.md §4): the same ids
again where a second copy cannot count, a human where it could.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from conversion_sync.delivery.books import Claimed, Verdict
from conversion_sync.model.conversion import Outcome, Reason, State
from conversion_sync.platforms.platform import (
    Catalogue,
    DedupPromise,
    RowResult,
    SendResult,
    outcome_of,
)

DEDUP_MARGIN = timedelta(hours=1)
"""In-doubt rows are given up this long before the platform forgets the first copy."""
FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(hours=1)


def verdicts_of(
    batch: Sequence[Claimed], result: SendResult, facts: Catalogue, now: datetime
) -> list[Verdict]:
    """One verdict a row, for an answer that is not a refused batch."""
    whole = RowResult(outcome=result.outcome, code=result.code, text=result.text)
    return [
        verdict_of(item, result.rows.get(index, whole), facts, now, result)
        for index, item in enumerate(batch)
    ]


def verdict_of(
    item: Claimed, answer: RowResult, facts: Catalogue, now: datetime, result: SendResult
) -> Verdict:
    """What becomes of one row in flight."""
    state, reason, not_before, in_doubt, counts = _decide(item, answer, facts, now, result)
    return Verdict(
        conversion_id=item.row.conversion_id,
        state=state,
        reason=reason,
        outcome=answer.outcome.value,
        code=answer.code,
        text=answer.text,
        not_before=not_before,
        in_doubt=in_doubt,
        counts_as_attempt=counts,
        request_ref=result.request_ref,
    )


def in_doubt(
    first_sent_at: datetime, facts: Catalogue, now: datetime, again_at: datetime
) -> tuple[State, Reason, datetime | None, bool]:
    """Where a row goes that may have arrived: (state, reason, not before, still in doubt)."""
    promised = facts.dedup is DedupPromise.ALWAYS or (
        facts.dedup is DedupPromise.WITHIN_WINDOW and first_sent_at > doubtful_since(facts, now)
    )
    if promised:
        return State.PLANNED, Reason.RESEND_IN_DOUBT, again_at, True
    return State.UNKNOWN, Reason.MAY_HAVE_ARRIVED, None, True


def doubtful_since(facts: Catalogue, now: datetime) -> datetime:
    """Rows first sent before this moment are past the platform's dedup promise."""
    if facts.dedup is DedupPromise.ALWAYS:
        return now - timedelta(days=3650)
    return now - facts.dedup_window + DEDUP_MARGIN


def retry_delay(attempts: int, asked: timedelta | None) -> timedelta:
    """The platform's own delay, else doubling from half a minute to an hour."""
    if asked is not None:
        return min(asked, LONGEST_RETRY)
    doublings: int = min(max(attempts - 1, 0), 10)
    return min(FIRST_RETRY * (1 << doublings), LONGEST_RETRY)


Decision = tuple[State, Reason, datetime | None, bool, bool]
"""State, reason, not before, still in doubt, counts as an attempt."""


def _decide(
    item: Claimed, answer: RowResult, facts: Catalogue, now: datetime, result: SendResult
) -> Decision:
    later = now + retry_delay(item.attempts, result.retry_after)
    match answer.outcome:
        case Outcome.DELIVERED:
            decision: Decision = (State.SETTLED, Reason.CONFIRMED, None, False, True)
        case Outcome.ACCEPTED:
            decision = (State.ACCEPTED, Reason.AWAITING_CONFIRMATION, None, False, True)
        case Outcome.REJECTED | Outcome.BAD_BATCH:
            reason = (
                Reason.NEEDS_REVIEW
                if outcome_of(facts.codes, answer.code) is None
                else Reason.PLATFORM_REFUSED
            )
            decision = (State.REJECTED, reason, None, False, True)
        case Outcome.RETRY_LATER | Outcome.HOLD if item.in_doubt:
            # An earlier copy may still have arrived, whatever became of this one.
            decision = (State.PLANNED, Reason.RESEND_IN_DOUBT, later, True, True)
        case Outcome.RETRY_LATER:
            decision = (State.PLANNED, Reason.WAITS_RETRY, later, False, True)
        case Outcome.HOLD:
            decision = (State.HELD, Reason.CREDENTIAL_OR_CONFIGURATION, None, False, False)
        case Outcome.AMBIGUOUS:
            decision = (*in_doubt(item.first_sent_at, facts, now, later), True)
    return decision
