"""Settlement: ask after requests a platform took in, until it says what became of them.

The platform names no rows. All taken or all refused settles every row; a part sends both halves of
the request again under the same ids, each as a request of its own, until every answer is whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from conversion_sync.delivery import books
from conversion_sync.delivery.books import Claimed, Desk, Verdict
from conversion_sync.delivery.verdicts import FIRST_RETRY, refused, retry_later
from conversion_sync.model.conversion import Outcome, Reason, State
from conversion_sync.platforms.platform import (
    Catalogue,
    Platform,
    Settlement,
    SettlementStatus,
    outcome_of,
)
from conversion_sync.store.queries import query

LONGEST_WAIT = timedelta(days=1)
GIVE_UP_AFTER = timedelta(days=7)


def settle_due(desk: Desk, adapter: Platform, now: datetime) -> dict[str, int]:
    """Asks after every request that is due; returns how many rows settled, failed or go on waiting."""
    counts = {"settled": 0, "refused": 0, "split": 0, "waiting": 0}
    with desk.engine.begin() as connection:
        due = connection.execute(query("delivery/due_polls"), {**desk.key, "now": now}).all()
    for poll in due:
        with desk.engine.begin() as connection:
            found = connection.execute(
                query("delivery/rows_of_request"), {**desk.key, "request_ref": poll.request_ref}
            ).all()
            rows = books.read(connection, desk, found)
        answer = adapter.settlement(poll.request_ref)
        verdicts = decide(rows, answer, adapter.catalogue, now, poll.request_ref, poll.accepted_at)
        books.settle(desk, found[0].batch_id if found else books.new_batch_id(), verdicts, now)
        _count(counts, verdicts, len(rows))
        wait = min(max(adapter.catalogue.first_status_after, FIRST_RETRY) * 2**poll.polls, LONGEST_WAIT)
        if answer.retry_after is not None:
            wait = max(wait, answer.retry_after)
        with desk.engine.begin() as connection:
            connection.execute(
                query("delivery/close_poll"),
                {
                    **desk.key,
                    "request_ref": poll.request_ref,
                    "now": now,
                    "next_poll_at": now + wait,
                    "done": bool(verdicts) or not rows,
                    "status": answer.status.value,
                },
            )
    return counts


def decide(
    rows: Sequence[Claimed],
    answer: Settlement,
    facts: Catalogue,
    now: datetime,
    request_ref: str,
    accepted_at: datetime,
) -> list[Verdict]:
    """One verdict a row, or none while the platform has not decided."""
    match answer.status:
        case SettlementStatus.SETTLED:
            return [_verdict(row, State.SETTLED, Reason.CONFIRMED, Outcome.DELIVERED, answer) for row in rows]
        case SettlementStatus.FAILED | SettlementStatus.PARTIAL if len(rows) == 1:
            return [_failed(row, answer, facts, now) for row in rows]
        case SettlementStatus.FAILED if len(answer.counts) <= 1:
            return [_failed(row, answer, facts, now) for row in rows]
        case SettlementStatus.FAILED | SettlementStatus.PARTIAL:
            return _split(rows, answer, now, request_ref)
        case SettlementStatus.PENDING | SettlementStatus.LATER | SettlementStatus.HOLD:
            if now - accepted_at < GIVE_UP_AFTER:
                return []
            return [
                _verdict(row, State.UNKNOWN, Reason.MAY_HAVE_ARRIVED, Outcome.AMBIGUOUS, answer)
                for row in rows
            ]


def _failed(row: Claimed, answer: Settlement, facts: Catalogue, now: datetime) -> Verdict:
    code = next(iter(answer.counts), answer.code)
    outcome = outcome_of(facts.codes, code) or Outcome.REJECTED
    not_before: datetime | None = None
    match outcome:
        case Outcome.DELIVERED:
            state, reason = State.SETTLED, Reason.CONFIRMED
        case Outcome.RETRY_LATER:
            state, reason, not_before = retry_later(row, code, facts, now)
        case Outcome.HOLD:
            state, reason = State.HELD, Reason.CREDENTIAL_OR_CONFIGURATION
        case _:
            state, reason = State.REJECTED, refused(facts, code)
    return _verdict(row, state, reason, outcome, answer, code, not_before=not_before)


def _split(rows: Sequence[Claimed], answer: Settlement, now: datetime, request_ref: str) -> list[Verdict]:
    middle = (len(rows) + 1) // 2
    return [
        _verdict(
            row,
            State.PLANNED,
            Reason.RESEND_IN_DOUBT,
            Outcome.AMBIGUOUS,
            answer,
            not_before=now,
            in_doubt=True,
            batch_group=f"{request_ref}:{'first' if place < middle else 'second'}",
        )
        for place, row in enumerate(rows)
    ]


def _verdict(
    row: Claimed,
    state: State,
    reason: Reason,
    outcome: Outcome,
    answer: Settlement,
    code: str | None = None,
    *,
    not_before: datetime | None = None,
    in_doubt: bool = False,
    batch_group: str | None = None,
) -> Verdict:
    return Verdict(
        conversion_id=row.row.conversion_id,
        occurred_at=row.row.occurred_at,
        state=state,
        reason=reason,
        outcome=outcome.value,
        code=answer.code if code is None else code,
        text=_counted(answer.counts) or answer.text,
        not_before=not_before,
        in_doubt=in_doubt,
        batch_group=batch_group,
    )


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{reason}: {rows} rows" for reason, rows in sorted(counts.items()))


def _count(counts: dict[str, int], verdicts: Sequence[Verdict], rows: int) -> None:
    counts["waiting"] += 0 if verdicts else rows
    for verdict in verdicts:
        match verdict.state:
            case State.SETTLED:
                counts["settled"] += 1
            case State.PLANNED if verdict.in_doubt:
                counts["split"] += 1
            case _:
                counts["refused"] += 1
