"""Isolation: when a platform refuses a whole request for some rows, find those rows and send the rest.

Rows the platform names are dropped and the rest goes again; if it names none the batch is halved,
down to single rows, within a bounded number of requests. The first single rows refused one after
the other with the same code, and nothing ever taken in, mean that the request itself is at fault.

Answers are handed out as they come, for whoever writes the books to write them before the next
request leaves. Only those first single refusals wait until it is clear whom they blame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from conversion_sync.delivery.books import Claimed
from conversion_sync.delivery.verdicts import NOT_TRIED
from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.platform import RowResult, SendResult

SAME_FAULT = 3
"""So many single rows refused alike, and none accepted, put the blame on the request."""
STOPS = frozenset({Outcome.HOLD, Outcome.RETRY_LATER, Outcome.AMBIGUOUS})
"""Answers after which no more requests leave: the account or the platform is not well."""
TAKEN = frozenset({Outcome.DELIVERED, Outcome.ACCEPTED})

Group = list[Claimed]
Answer = tuple[Group, SendResult]


def isolate(
    batch: Sequence[Claimed],
    refusal: SendResult,
    send: Callable[[Sequence[Claimed]], SendResult],
    budget: int,
) -> Iterator[Answer]:
    """Splits a refused batch until every row has an answer of its own, and yields groups with theirs.

    Ends early after `budget` requests, or when an answer is none about the rows. Rows without an
    answer of their own get RETRY_LATER then: they certainly did not arrive.
    """
    return _Search(send=send, requests_left=budget, refused=[(list(batch), refusal)]).answers()


@dataclass(slots=True, kw_only=True)
class _Search:
    """`refused` are groups to look into, `alone` single refusals that may yet turn out the request's."""

    send: Callable[[Sequence[Claimed]], SendResult]
    requests_left: int
    refused: list[Answer]
    alone: list[Answer] = field(default_factory=list)
    rows_are_at_fault: bool = False

    def answers(self) -> Iterator[Answer]:
        while self.refused:
            rows, answer = self.refused.pop()
            yield from self._single(rows, answer) if len(rows) == 1 else self._split(rows, answer)
        yield from self._held_back()

    def _single(self, rows: Group, answer: SendResult) -> Iterator[Answer]:
        self.alone.append((rows, _of_row(answer, 0)))
        alike = len({refusal.code for _, refusal in self.alone}) == 1
        if not self.rows_are_at_fault and alike:
            if len(self.alone) == SAME_FAULT:
                hold = _blame_request(answer)
                yield from ((group, hold) for group, _ in [*self.alone, *self.refused])
                self.alone, self.refused = [], []
            return
        yield from self._clear_the_request()

    def _split(self, rows: Group, answer: SendResult) -> Iterator[Answer]:
        """Rows the platform names are answered; the others, or both halves, go again."""
        named = {index for index in answer.named if 0 <= index < len(rows)}
        if 0 < len(named) < len(rows):
            yield from (([rows[index]], _of_row(answer, index)) for index in sorted(named))
            groups = [[row for index, row in enumerate(rows) if index not in named]]
        else:
            groups = [rows[len(rows) // 2 :], rows[: len(rows) // 2]]
        while groups and self.requests_left > 0:
            self.requests_left -= 1
            group = groups.pop(0)
            found = self.send(group)
            if found.outcome is Outcome.BAD_BATCH:
                self.refused.append((group, found))
                continue
            yield group, found
            if found.outcome in TAKEN:
                yield from self._clear_the_request()
            if found.outcome in STOPS:
                yield from ((rest, _not_tried(why)) for rest, why in self.refused)
                self.refused = []
                break
        yield from ((group, _not_tried(answer)) for group in groups)

    def _clear_the_request(self) -> Iterator[Answer]:
        self.rows_are_at_fault = True
        yield from self._held_back()

    def _held_back(self) -> Iterator[Answer]:
        while self.alone:
            yield self.alone.pop(0)


def _of_row(answer: SendResult, index: int) -> SendResult:
    row = answer.rows.get(index, RowResult(outcome=Outcome.REJECTED, code=answer.code, text=answer.text))
    return SendResult(outcome=Outcome.REJECTED, code=row.code, text=row.text, http_status=answer.http_status)


def _not_tried(answer: SendResult) -> SendResult:
    text = f"Refused together with others and not tried alone yet: {answer.code} {answer.text}"
    return SendResult(outcome=Outcome.RETRY_LATER, code=NOT_TRIED, text=text[:500])


def _blame_request(answer: SendResult) -> SendResult:
    return SendResult(
        outcome=Outcome.HOLD,
        code=answer.code,
        text=answer.text,
        remedy="Every row is refused alike: check the account's ids, event names and test codes.",
    )
