"""Isolation: when a platform refuses a whole request for some rows, find those rows and send the rest.

Rows the platform names are dropped and the rest goes again; if it names none the batch is halved,
down to single rows, within a bounded number of requests. The first single rows refused one after
the other with the same code, and nothing ever taken in, mean that the request itself is at fault.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from conversion_sync.delivery.books import Claimed
from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.platform import RowResult, SendResult

SAME_FAULT = 3
"""So many single rows refused alike, and none accepted, put the blame on the request."""


@dataclass(slots=True)
class Findings:
    """What isolation learnt: groups of rows with the answer that holds for them, and requests spent."""

    answers: list[tuple[list[Claimed], SendResult]] = field(default_factory=list)
    requests: int = 0


def isolate(
    batch: Sequence[Claimed],
    refusal: SendResult,
    send: Callable[[Sequence[Claimed]], SendResult],
    budget: int,
) -> Findings:
    """Splits a refused batch until every row has an answer of its own or the budget is spent.

    Rows left when the budget is spent get RETRY_LATER: they certainly did not arrive.
    """
    found = Findings()
    pending: list[tuple[list[Claimed], SendResult]] = [(list(batch), refusal)]
    alone: list[RowResult] = []
    while pending:
        rows, answer = pending.pop()
        if answer.outcome is not Outcome.BAD_BATCH:
            found.answers.append((rows, answer))
            continue
        if len(rows) == 1:
            alone.append(_row(answer, 0))
            found.answers.append((rows, _refused(answer, 0)))
            if _request_is_at_fault(alone, [*found.answers, *pending]):
                return _blame_request(found, pending, answer)
            continue
        for group in _split(rows, answer, found):
            if found.requests >= budget:
                found.answers.append((group, _out_of_budget(answer)))
            else:
                found.requests += 1
                pending.append((group, send(group)))
    return found


def _split(rows: list[Claimed], answer: SendResult, found: Findings) -> list[list[Claimed]]:
    """The groups to send next. Named rows are settled at once, unless the platform names them all."""
    named = sorted({index for index in answer.named if 0 <= index < len(rows)})
    if named and len(named) < len(rows):
        for index in named:
            found.answers.append(([rows[index]], _refused(answer, index)))
        return [[row for index, row in enumerate(rows) if index not in set(named)]]
    middle = len(rows) // 2
    return [rows[middle:], rows[:middle]]


def _row(answer: SendResult, index: int) -> RowResult:
    return answer.rows.get(index, RowResult(outcome=Outcome.REJECTED, code=answer.code, text=answer.text))


def _refused(answer: SendResult, index: int) -> SendResult:
    row = _row(answer, index)
    return SendResult(outcome=Outcome.REJECTED, code=row.code, text=row.text, http_status=answer.http_status)


def _out_of_budget(answer: SendResult) -> SendResult:
    return SendResult(
        outcome=Outcome.RETRY_LATER,
        code=answer.code,
        text=f"Not tried alone in this run: the search for bad rows reached its bound. {answer.text}"[:500],
    )


def _request_is_at_fault(
    alone: Sequence[RowResult], answers: Sequence[tuple[list[Claimed], SendResult]]
) -> bool:
    """`answers` are all that came, also for groups that are not looked at yet."""
    taken = any(answer.outcome in (Outcome.DELIVERED, Outcome.ACCEPTED) for _, answer in answers)
    return not taken and len(alone) == SAME_FAULT and len({row.code for row in alone}) == 1


def _blame_request(
    found: Findings, pending: Sequence[tuple[list[Claimed], SendResult]], answer: SendResult
) -> Findings:
    hold = SendResult(
        outcome=Outcome.HOLD,
        code=answer.code,
        text=answer.text,
        remedy="Every row is refused alike: check the account's ids, event names and test codes.",
    )
    held = [
        (rows, hold if answer.outcome in (Outcome.REJECTED, Outcome.BAD_BATCH) else answer)
        for rows, answer in (*found.answers, *pending)
    ]
    return Findings(answers=held, requests=found.requests)
