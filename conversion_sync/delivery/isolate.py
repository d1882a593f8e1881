"""Isolation: when a platform refuses a whole request for some rows, find those rows and send the rest.

Rows the platform names are dropped and the rest goes again; if it names none the batch is halved,
down to single rows, within a bounded number of requests. A half whose other half was taken in must hold
what the whole was refused for, so it is halved again unasked; no row is refused unless it was named or
sent alone. With k bad rows of n that is at most 2·k·(log2(n/k) + 1) requests.

Single rows refused one after the other with the same code, and nothing ever taken in, mean that the
request itself is at fault. So do names, where a platform names what it finds first: after a few of one
code they are believed again only once something was taken in.

Answers are handed out as they come, for whoever writes the books to write them before the next
request leaves. Only those first refusals wait until it is clear whom they blame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from conversion_sync.delivery.rows import Claimed
from conversion_sync.delivery.verdicts import NOT_TRIED
from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.platform import Catalogue, RowResult, SendResult

SAME_FAULT = 3
"""So many single rows refused alike, and none accepted, put the blame on the request."""
ALIKE = "Every row is refused alike: check the account's ids, event names and test codes."
STOPS = frozenset({Outcome.HOLD, Outcome.RETRY_LATER, Outcome.AMBIGUOUS})
"""Answers after which no more requests leave: the account or the platform is not well."""
TAKEN = frozenset({Outcome.DELIVERED, Outcome.ACCEPTED})

Group = list[Claimed]
Answer = tuple[Group, SendResult]


def isolate(
    batch: Sequence[Claimed],
    refusal: SendResult,
    send: Callable[[Sequence[Claimed]], SendResult],
    facts: Catalogue,
) -> Iterator[Answer]:
    """Splits a refused batch until every row has an answer of its own, and yields groups with theirs.

    Ends early after `facts.isolation_requests`, or when an answer is none about the rows. Rows without an
    answer of their own get RETRY_LATER then: they certainly did not arrive.
    """
    left = facts.isolation_requests
    return _Search(send=send, facts=facts, requests_left=left, refused=[(list(batch), refusal)]).answers()


@dataclass(slots=True, kw_only=True)
class _Search:
    """`refused` are groups to look into, `held_back` refusals of rows that may yet turn out the request's."""

    send: Callable[[Sequence[Claimed]], SendResult]
    facts: Catalogue
    requests_left: int
    refused: list[Answer]
    held_back: list[Answer] = field(default_factory=list)
    sent_alone: int = 0
    rows_are_at_fault: bool = False

    def answers(self) -> Iterator[Answer]:
        while self.refused:
            rows, answer = self.refused.pop()
            yield from self._single(rows, answer) if len(rows) == 1 else self._split(rows, answer)
        yield from self._let_go()

    def _single(self, rows: Group, answer: SendResult) -> Iterator[Answer]:
        self.sent_alone += 1
        if answer.code in self.facts.too_large:
            yield from self._blame_request([*self.held_back, *self.refused, (rows, answer)], answer)
            return
        yield from self._refuse(rows, _of_row(answer, 0))
        if self.sent_alone == SAME_FAULT and not self.rows_are_at_fault:
            yield from self._blame_request([*self.held_back, *self.refused], answer)

    def _split(self, rows: Group, answer: SendResult) -> Iterator[Answer]:
        """Rows the platform names are answered; the others, or both halves, go again."""
        named = self._named(rows, answer)
        for index in named:
            yield from self._refuse([rows[index]], _of_row(answer, index))
        if named:
            others = [row for index, row in enumerate(rows) if index not in named]
            groups = [others] if others else []
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
                if groups and len(groups[0]) > 1 and answer.code not in self.facts.too_large:
                    self.refused.append((groups.pop(), answer))
            if found.outcome in STOPS:
                yield from ((rest, _not_tried(why)) for rest, why in self.refused)
                self.refused = []
                break
        yield from ((group, _not_tried(answer)) for group in groups)

    def _named(self, rows: Group, answer: SendResult) -> Sequence[int]:
        """The rows to drop for what the platform says; none where that may be about the request."""
        named = sorted({index for index in answer.named if 0 <= index < len(rows)})
        if answer.code in self.facts.of_rows:
            return named
        believed = self.rows_are_at_fault or len(self.held_back) < SAME_FAULT
        return named if believed and len(named) < len(rows) else ()

    def _refuse(self, rows: Group, answer: SendResult) -> Iterator[Answer]:
        self.held_back.append((rows, answer))
        different = len({refusal.code for _, refusal in self.held_back}) > 1
        if self.rows_are_at_fault or different or answer.code in self.facts.of_rows:
            yield from self._clear_the_request()

    def _blame_request(self, answers: Sequence[Answer], last: SendResult) -> Iterator[Answer]:
        self.held_back, self.refused = [], []
        hold = SendResult(outcome=Outcome.HOLD, code=last.code, text=last.text, remedy=ALIKE)
        yield from ((group, hold) for group, _ in answers)

    def _clear_the_request(self) -> Iterator[Answer]:
        self.rows_are_at_fault = True
        yield from self._let_go()

    def _let_go(self) -> Iterator[Answer]:
        while self.held_back:
            yield self.held_back.pop(0)


def _of_row(answer: SendResult, index: int) -> SendResult:
    row = answer.rows.get(index, RowResult(outcome=Outcome.REJECTED, code=answer.code, text=answer.text))
    return SendResult(outcome=Outcome.REJECTED, code=row.code, text=row.text, http_status=answer.http_status)


def _not_tried(answer: SendResult) -> SendResult:
    text = f"Refused together with others and not tried alone yet: {answer.code} {answer.text}"
    return SendResult(outcome=Outcome.RETRY_LATER, code=NOT_TRIED, text=text[:500])
