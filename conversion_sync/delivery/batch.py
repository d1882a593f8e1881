"""One batch: what breaks a documented rule is refused here, the rest is sent, and the books get every answer.

A batch refused whole is searched for the rows at fault; each request of the search passes the gate too.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from conversion_sync.delivery import books
from conversion_sync.delivery.books import Verdict, Verdicts, together
from conversion_sync.delivery.gate import LANES
from conversion_sync.delivery.isolate import STOPS, isolate
from conversion_sync.delivery.rows import Claimed
from conversion_sync.delivery.verdicts import FOR_ALL, NOT_TRIED, asked_delay, verdicts_of
from conversion_sync.delivery.work import Work
from conversion_sync.model.conversion import Outbound, Outcome, Reason, State
from conversion_sync.platforms.platform import SendResult
from conversion_sync.store.queries import query

log = logging.getLogger(__name__)


def send_batch(work: Work, batch: Sequence[Claimed]) -> SendResult | None:
    """Sends rows in flight, whose request was granted; returns the answer that ends the delivery, or None."""
    facts, lane = work.adapter.catalogue, LANES[batch[0].row.kind]
    good = _refuse_invalid(work, batch)
    if not good:
        return None

    def send(rows: Sequence[Claimed]) -> SendResult:
        work.tally.requests += 1
        sent = [item.row for item in rows]
        answer = work.gate.told(lane, work.adapter.send(sent, validate_only=False))
        if answer.outcome is Outcome.BAD_BATCH:
            books.refused_whole(work.desk, sent, answer.code, answer.text, work.clock())
        return answer

    def send_again(rows: Sequence[Claimed]) -> SendResult:
        entered = work.gate.enter(lane, len(rows), fewest=len(rows))
        if isinstance(entered, SendResult):
            return replace(entered, code=NOT_TRIED)
        books.intend(work.desk, rows, work.clock())
        return send(rows)

    answer = send(good)
    answers: Iterable[tuple[Sequence[Claimed], SendResult]] = [(good, answer)]
    if answer.outcome is Outcome.BAD_BATCH:
        answers = isolate(good, answer, send_again, facts)
    stop: SendResult | None = None
    for rows, result in answers:
        _record(work, rows, result)
        if result.outcome in STOPS and result.code not in facts.resend_alone:
            stop = result if stop is None or result.outcome is Outcome.HOLD else stop
    if stop is not None:
        place = f"{work.desk.platform}:{work.desk.account}"
        log.error("%s stopped: %s %s %s", place, stop.code, stop.text, stop.remedy)
    return stop


def _record(work: Work, rows: Sequence[Claimed], result: SendResult) -> None:
    facts, now = work.adapter.catalogue, work.clock()
    verdicts = verdicts_of(rows, result, facts, now)
    if result.request_ref and any(verdict.state is State.ACCEPTED for verdict in verdicts):
        with work.desk.engine.begin() as connection:
            connection.execute(
                query("delivery/open_poll"),
                {
                    **work.desk.key,
                    "request_ref": result.request_ref,
                    "now": now,
                    "next_poll_at": now + facts.first_status_after,
                },
            )
    if result.outcome in FOR_ALL and not result.rows:
        work.clerk.hand(partial(books.record, work.desk, verdicts, now))
    else:
        books.record(work.desk, verdicts, now)
    _count(work, verdicts)
    stops = result.outcome in STOPS and result.code not in facts.resend_alone
    if stops and asked_delay(facts, result.code, result.retry_after) is None:
        work.backing_off.extend(item.row for item in rows)


def _refuse_invalid(work: Work, batch: Sequence[Claimed]) -> list[Claimed]:
    """Rejects the rows the platform would refuse by its documented rules; returns the others."""
    good: list[Claimed] = []
    bad: list[tuple[Verdict, Outbound]] = []
    for item in batch:
        fault = work.adapter.invalid(item.row)
        if fault is None:
            good.append(item)
        else:
            bad.append((_invalid(item, fault), item.row))
    refused = together(bad)
    books.record(work.desk, refused, work.clock())
    _count(work, refused)
    return good


def _count(work: Work, verdicts: Verdicts) -> None:
    for verdict, rows in verdicts.items():
        work.tally.outcomes[verdict.outcome] += len(rows)


def _invalid(item: Claimed, fault: str) -> Verdict:
    """A refusal by our own check; of a row in doubt it says nothing of the copy that may have arrived."""
    doubted = item.in_doubt
    return Verdict(
        state=State.UNKNOWN if doubted else State.REJECTED,
        reason=Reason.MAY_HAVE_ARRIVED if doubted else Reason.INVALID_ROW,
        outcome=(Outcome.AMBIGUOUS if doubted else Outcome.REJECTED).value,
        code=Reason.INVALID_ROW.value,
        text=fault,
        in_doubt=doubted,
    )
