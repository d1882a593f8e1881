"""Settlement: ask after requests a platform took in, until it says what became of them.

The platform names no rows. All taken or all refused settles every row; a part sends both halves of
the request again under the same ids, each as a request of its own, until every answer is whole. Halves
are smaller each time, so a request of n rows ends after log2(n) rounds. A request nobody can ask after any
more is one whose rows may have arrived. Source: specs/google_ads.md §5.5.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from conversion_sync.delivery import books
from conversion_sync.delivery.books import Verdict, together
from conversion_sync.delivery.desk import Desk
from conversion_sync.delivery.gate import Gate, Paced
from conversion_sync.delivery.plan import plan
from conversion_sync.delivery.rows import Claimed, read
from conversion_sync.delivery.verdicts import FIRST_RETRY, in_doubt, refused, retry_later
from conversion_sync.model.conversion import Outcome, Reason, State
from conversion_sync.platforms.platform import (
    Catalogue,
    Platform,
    Settlement,
    SettlementStatus,
    outcome_of,
)
from conversion_sync.store.locks import session_lock
from conversion_sync.store.queries import query

log = logging.getLogger(__name__)

LONGEST_WAIT = timedelta(days=1)
DOUBLINGS = 12
"""From half a minute it takes no more to the longest wait; without a bound a timedelta runs over."""


@dataclass(slots=True)
class Settled:
    """What asking gave: `rows` by what became of them, `reasons` by the platform's own count; `refused` says,
    in its words, why it lets nobody ask.
    """

    requests: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    refused: str = ""


def settle(
    desk: Desk,
    adapter: Platform,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None] = time.sleep,
) -> Settled:
    """Asks after what is due at an account without sending anything, and plans what that made possible."""
    gate = Gate(desk=desk, facts=adapter.catalogue, clock=clock, sleep=sleep)
    with session_lock(desk.engine, "deliver", desk.platform, desk.account):
        gate.open()
        found = settle_due(desk, Paced(adapter, gate), clock())
    if found.requests:
        plan(desk.engine, None, clock())
    return found


def settle_due(desk: Desk, adapter: Paced, now: datetime) -> Settled:
    """Asks after every request that is due, while the gate lets it. The caller holds the account's lock."""
    found = Settled()
    with desk.engine.begin() as connection:
        due = connection.execute(query("delivery/due_polls"), {**desk.key, "now": now}).all()
    for poll in due:
        with desk.engine.begin() as connection:
            sent = connection.execute(
                query("delivery/rows_of_request"), {**desk.key, "request_ref": poll.request_ref}
            ).all()
            rows = read(connection, desk, sent)
        answer = adapter.settlement(poll.request_ref)
        if answer is None:
            break
        verdicts = decide(rows, answer, adapter.catalogue, now, poll.request_ref, poll.accepted_at)
        decided = together(zip(verdicts, sent, strict=False))
        books.settle(desk, sent[0].batch_id if sent else books.new_batch_id(), decided, now)
        found.requests += 1
        found.reasons.update(answer.counts)
        _count(found.rows, verdicts, len(rows))
        wait = _next_wait(adapter.catalogue, poll.polls)
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
                    "status": answer.code or answer.status.value,
                    "entries": len(rows),
                    "counts": json.dumps(dict(answer.counts)),
                },
            )
        if answer.status is SettlementStatus.HOLD and not verdicts:
            found.refused = f"{answer.code} {answer.text}".strip()
            place = f"{desk.platform}:{desk.account}"
            log.error("%s lets nobody ask what became of its requests: %s", place, found.refused)
            break
    return found


def _next_wait(facts: Catalogue, polls: int) -> timedelta:
    first = max(facts.first_status_after, FIRST_RETRY)
    return min(first * (1 << min(polls, DOUBLINGS)), LONGEST_WAIT)


def decide(
    rows: Sequence[Claimed],
    answer: Settlement,
    facts: Catalogue,
    now: datetime,
    request_ref: str,
    accepted_at: datetime,
) -> list[Verdict]:
    """One verdict a row, or none while the platform has not decided."""
    kept = answer.code not in facts.status_gone and now - accepted_at < facts.status_retention
    holds_all = answer.counts and all(
        outcome_of(facts.codes, reason) is Outcome.DELIVERED for reason in answer.counts
    )
    match answer.status:
        case SettlementStatus.SETTLED:
            return [_verdict(State.SETTLED, Reason.CONFIRMED, Outcome.DELIVERED, answer)] * len(rows)
        case SettlementStatus.FAILED | SettlementStatus.PARTIAL if len(rows) == 1:
            return [_failed(row, answer, facts, now) for row in rows]
        case SettlementStatus.FAILED | SettlementStatus.PARTIAL if holds_all:
            return [_verdict(State.SETTLED, Reason.CONFIRMED, Outcome.DELIVERED, answer)] * len(rows)
        case SettlementStatus.FAILED if len(answer.counts) <= 1:
            return [_failed(row, answer, facts, now) for row in rows]
        case SettlementStatus.FAILED | SettlementStatus.PARTIAL:
            return _split(rows, answer, now, request_ref)
        case SettlementStatus.PENDING | SettlementStatus.LATER | SettlementStatus.HOLD:
            return [] if kept else [_lost(row, answer, facts, now) for row in rows]


def _lost(row: Claimed, answer: Settlement, facts: Catalogue, now: datetime) -> Verdict:
    """Nobody can say any more what became of its request."""
    state, reason, not_before, doubtful = in_doubt(row.first_sent_at, facts, now, now)
    return _verdict(state, reason, Outcome.AMBIGUOUS, answer, not_before=not_before, in_doubt=doubtful)


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
            state, reason = State.HELD, Reason.ACCOUNT_SETTING
        case _:
            state, reason = State.REJECTED, refused(facts, code)
    return _verdict(state, reason, outcome, answer, code, not_before=not_before)


def _split(rows: Sequence[Claimed], answer: Settlement, now: datetime, request_ref: str) -> list[Verdict]:
    middle = (len(rows) + 1) // 2
    return [
        _verdict(
            State.PLANNED,
            Reason.RESEND_IN_DOUBT,
            Outcome.AMBIGUOUS,
            answer,
            not_before=now,
            in_doubt=True,
            batch_group=f"{request_ref}:{'first' if place < middle else 'second'}",
        )
        for place in range(len(rows))
    ]


def _verdict(
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


def _count(counts: Counter[str], verdicts: Sequence[Verdict], rows: int) -> None:
    if not verdicts:
        counts["waiting"] += rows
    for verdict in verdicts:
        match verdict.state:
            case State.SETTLED:
                counts["settled"] += 1
            case State.PLANNED if verdict.in_doubt:
                counts["sent again"] += 1
            case State.PLANNED:
                counts["tried again"] += 1
            case State.HELD | State.UNKNOWN:
                counts[f"{verdict.state.value}"] += 1
            case _:
                counts["refused"] += 1
