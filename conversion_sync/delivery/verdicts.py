"""From a platform's answer to a row's next state: pure rules, one table of outcomes.

What in-doubt rows may do depends on the platform's dedup promise alone (DESIGN.md §4): the same ids
again where a second copy cannot count, a human where it could. A code that asks to come back later is
believed as long as its catalogue says, one nobody knows for a day; then the row is refused with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from conversion_sync.delivery.books import Verdict, Verdicts, together
from conversion_sync.delivery.rows import Claimed
from conversion_sync.model.conversion import Outcome, Reason, State
from conversion_sync.platforms.platform import (
    Catalogue,
    DedupPromise,
    Patience,
    RowResult,
    SendResult,
    fact_of,
    outcome_of,
)

DEDUP_MARGIN = timedelta(hours=1)
"""In-doubt rows are given up this long before the platform forgets the first copy."""
FIRST_RETRY = timedelta(seconds=30)
LONGEST_RETRY = timedelta(hours=1)
LONGEST_ASKED = timedelta(days=1)
"""Of a delay the platform asks for."""
NOT_TRIED = "not_tried"
"""The code of rows that a search for bad rows left for later; it is ours, and no row's fault."""
FOR_ALL = frozenset({Outcome.DELIVERED, Outcome.ACCEPTED})
"""Answers that mean the same for every row, whatever became of it before."""
PATIENCE = Patience()
PATIENCE_WITH_THE_UNKNOWN = Patience(tries=10, lasting=timedelta(days=1))
"""For codes no catalogue lists: long enough for an outage, too short to ask for ever."""


def verdicts_of(batch: Sequence[Claimed], result: SendResult, facts: Catalogue, now: datetime) -> Verdicts:
    """What becomes of the rows, for an answer that is not a refused batch."""
    whole = RowResult(outcome=result.outcome, code=result.code, text=result.text)
    if not result.rows and result.outcome in FOR_ALL:
        return {verdict_of(batch[0], whole, facts, now, result): [item.row for item in batch]}
    return together(
        (verdict_of(item, result.rows.get(index, whole), facts, now, result), item.row)
        for index, item in enumerate(batch)
    )


def verdict_of(
    item: Claimed, answer: RowResult, facts: Catalogue, now: datetime, result: SendResult
) -> Verdict:
    """What becomes of one row in flight."""
    state, reason, not_before, in_doubt, counts = _decide(item, answer, facts, now, result)
    alone = answer.outcome is Outcome.AMBIGUOUS and answer.code in facts.resend_alone
    return Verdict(
        state=state,
        reason=reason,
        outcome=answer.outcome.value,
        code=answer.code,
        text=answer.text,
        not_before=not_before,
        in_doubt=in_doubt,
        counts_as_attempt=counts,
        request_ref=result.request_ref,
        alone=alone,
    )


def alone_group(item: Claimed) -> str:
    """The batch group of a row that goes again by itself."""
    return f"alone:{item.row.conversion_id}"


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


def retry_later(
    item: Claimed, code: str, facts: Catalogue, now: datetime, asked: timedelta | None = None
) -> tuple[State, Reason, datetime | None]:
    """Where a row goes that was certainly not taken in and may be later: (state, reason, not before)."""
    if _spent(item, code, facts, now):
        return State.REJECTED, Reason.NEEDS_REVIEW, None
    again_at = now + wait(item, code, facts, now, asked)
    return State.PLANNED, Reason.WAITS_RETRY, again_at


def asked_delay(facts: Catalogue, code: str, asked: timedelta | None) -> timedelta | None:
    """The delay an answer asks for: its own, else its code's; None when it leaves that to us."""
    return asked if asked is not None else patience_of(facts, code).delay


def patience_of(facts: Catalogue, code: str) -> Patience:
    """How long a code that asks to come back later is believed."""
    if outcome_of(facts.codes, code) is None and code != NOT_TRIED:
        return PATIENCE_WITH_THE_UNKNOWN
    return fact_of(facts.patience, code) or PATIENCE


def passes_by_itself(outcome: Outcome, facts: Catalogue) -> bool:
    """Whether the delivery an answer stopped may go on after a pause.

    An answer in doubt where copies count may not: each try would leave more rows a person must look up.
    """
    if outcome is Outcome.AMBIGUOUS:
        return facts.dedup is not DedupPromise.NONE
    return outcome is not Outcome.HOLD


def wait(item: Claimed, code: str, facts: Catalogue, now: datetime, asked: timedelta | None) -> timedelta:
    """How long a row waits after a code that asks to come back: as told, as its code's pauses go, or ours."""
    rung = item.later_tries if item.later_code == code else 0
    told = asked if asked is not None else pause_of(patience_of(facts, code), rung, now)
    return retry_delay(item.attempts, told)


def pause_of(patience: Patience, rung: int, now: datetime) -> timedelta | None:
    """The pause after `rung` others of a code; None where pauses are left to us."""
    pauses = () if patience.delay is None else (patience.delay, *patience.then)
    if rung >= len(pauses) and patience.next_day:
        return (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0) - now
    return pauses[min(rung, len(pauses) - 1)] if pauses else None


def retry_delay(attempts: int, asked: timedelta | None) -> timedelta:
    """The platform's own delay, at most a day, else doubling from half a minute to an hour."""
    if asked is not None:
        return min(asked, LONGEST_ASKED)
    doublings: int = min(max(attempts - 1, 0), 10)
    return min(FIRST_RETRY * (1 << doublings), LONGEST_RETRY)


def _spent(item: Claimed, code: str, facts: Catalogue, now: datetime) -> bool:
    """Whether the row was answered so past every bound the code has."""
    patience = patience_of(facts, code)
    again = item.later_code == code
    answers = item.later_tries + 1 if again else 1
    since = item.later_since if again and item.later_since else now
    bounds: list[bool] = []
    if patience.tries is not None:
        bounds.append(answers > patience.tries)
    if patience.lasting is not None:
        bounds.append(now - since >= patience.lasting)
    if patience.after_original is not None:
        sent_at = item.original_sent_at or now
        bounds.append(now - sent_at >= patience.after_original)
    return bool(bounds) and all(bounds)


Decision = tuple[State, Reason, datetime | None, bool, bool]
"""State, reason, not before, still in doubt, counts as an attempt."""


def _decide(
    item: Claimed, answer: RowResult, facts: Catalogue, now: datetime, result: SendResult
) -> Decision:
    match answer.outcome:
        case Outcome.DELIVERED:
            decision: Decision = (State.SETTLED, Reason.CONFIRMED, None, False, True)
        case Outcome.ACCEPTED:
            decision = (State.ACCEPTED, Reason.AWAITING_CONFIRMATION, None, False, True)
        case Outcome.REJECTED | Outcome.BAD_BATCH if item.in_doubt and not _refused_at_first(item, facts):
            decision = (State.UNKNOWN, Reason.MAY_HAVE_ARRIVED, None, True, True)
        case Outcome.REJECTED | Outcome.BAD_BATCH:
            decision = (State.REJECTED, refused(facts, answer.code), None, False, True)
        case Outcome.RETRY_LATER if item.in_doubt and _spent(item, answer.code, facts, now):
            decision = (State.UNKNOWN, Reason.MAY_HAVE_ARRIVED, None, True, True)
        case Outcome.RETRY_LATER | Outcome.HOLD if item.in_doubt:
            # An earlier copy may still have arrived, whatever became of this one.
            later = _again_at(item, answer, facts, now, result)
            decision = (State.PLANNED, Reason.RESEND_IN_DOUBT, later, True, True)
        case Outcome.RETRY_LATER:
            decision = (*retry_later(item, answer.code, facts, now, result.retry_after), False, True)
        case Outcome.HOLD:
            decision = (State.HELD, Reason.CREDENTIAL_OR_CONFIGURATION, None, False, False)
        case Outcome.AMBIGUOUS:
            first_alone = answer.code in facts.resend_alone and item.batch_group != alone_group(item)
            later = now if first_alone else _again_at(item, answer, facts, now, result)
            decision = (*in_doubt(item.first_sent_at, facts, now, later), True)
    return decision


def _refused_at_first(item: Claimed, facts: Catalogue) -> bool:
    """Whether the refusal of this copy is one of the row's first copy too.

    It is where each request before was taken in in part: its rows go again alone, at once, to find the bad
    ones. Else it says nothing, whatever the platform promises about copies: rows grow too old, clicks and
    consent change, and none documents that it looks a first copy up before it refuses for such a cause.
    Google has a duplicate as one error of many (specs/google_ads.md §2.6) or overwrites unseen (§5.6),
    Microsoft drops copies without a word (specs/meta_tiktok_linkedin_microsoft.md §4.1).
    """
    in_part = item.later_code in facts.resend_alone and item.batch_group == alone_group(item)
    return in_part and item.attempts == item.later_tries + 1


def _again_at(
    item: Claimed, answer: RowResult, facts: Catalogue, now: datetime, result: SendResult
) -> datetime:
    return now + wait(item, answer.code, facts, now, result.retry_after)


def refused(facts: Catalogue, code: str) -> Reason:
    """Why a row was refused: by a code somebody knows, or a person has to look."""
    return Reason.NEEDS_REVIEW if outcome_of(facts.codes, code) is None else Reason.PLATFORM_REFUSED
