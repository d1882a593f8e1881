"""Walks lists of a span of time: newest first, page by page, and where there is more than a page, in pieces.

The first page says how dense a list is. What is older is cut into pieces of time that are read at once, a few
pages each: a quiet hour costs one request, a busy one is read as fast as the limits allow. Walking back with
`starting_after` shows nothing twice while new rows arrive. Source: specs/billing.md §1.8, §1.9, §1.10.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from typing import Any

import msgspec

from conversion_sync.billing.stripe.client import Client, Page
from conversion_sync.billing.together import together

PAGES_A_PIECE = 4
"""Pieces are made for so many pages by the density of the first one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A list and its filters. `low` and `high` bound `by`, in whole seconds: [low, high).

    Only what is asked for by `created`, by which lists are ordered, can be read in pieces.
    """

    path: str
    low: int
    high: int
    by: str = "created"
    filters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Any]:
        """As Stripe's client takes them."""
        return {**self.filters, self.by: {"gte": self.low, "lt": self.high}}


class Made(msgspec.Struct):
    """Where a row is in its list."""

    id: str
    created: int | None = None


MADE = msgspec.json.Decoder(Made)
Rows = Sequence[msgspec.Raw]


def ask_all(client: Client, questions: Sequence[Question]) -> Iterator[tuple[Question, Rows]]:
    """The pages of every question, in any order, each row once."""
    pieces = []
    for question in questions:
        page = client.page(question.path, question.path, question.parameters)
        if page.data:
            yield question, page.data
        if page.data and page.has_more:
            pieces += [partial(_walk, client, piece, seen) for piece, seen in _rest(question, page)]
    yield from together(pieces, client.threads)


Seen = tuple[frozenset[str], str | None]
"""Rows that were read already, and the one to go on after."""


def _rest(question: Question, page: Page) -> Iterator[tuple[Question, Seen]]:
    """What is behind the first page."""
    last = MADE.decode(page.data[-1])
    if question.by != "created" or not question.low <= (last.created or 0) < question.high:
        yield question, (frozenset(), last.id)
        return
    ids = frozenset(MADE.decode(row).id for row in page.data)
    second = last.created or 0
    yield _piece(question, second, second + 1), (ids, None)
    left, covered = second - question.low, max(question.high - second, 1)
    pieces = max(1, min(-(-left // (covered * PAGES_A_PIECE)), 64))
    bounds = [question.low + left * n // pieces for n in range(pieces + 1)]
    for low, high in reversed(list(pairwise(bounds))):
        if low < high:
            yield _piece(question, low, high), (frozenset(), None)


def _piece(question: Question, low: int, high: int) -> Question:
    return replace(question, low=low, high=high)


def _walk(client: Client, question: Question, seen: Seen) -> Iterator[tuple[Question, Rows]]:
    """The pages of a piece, without rows that were read."""
    known, cursor = seen
    while True:
        after = {} if cursor is None else {"starting_after": cursor}
        page = client.page(question.path, question.path, {**question.parameters, **after})
        rows = [row for row in page.data if MADE.decode(row).id not in known] if known else page.data
        if rows:
            yield question, rows
        if not page.data or not page.has_more:
            return
        cursor = MADE.decode(page.data[-1]).id


def every_line(client: Client, invoice: str) -> list[Any]:
    """All lines of an invoice, which embeds its first ten. Source: specs/billing.md §1.5."""
    path, endpoint = f"/v1/invoices/{invoice}/lines", "/v1/invoices/lines"
    every: list[Any] = []
    more = True
    while more:
        after = {"starting_after": str(every[-1]["id"])} if every else {}
        page = client.page(path, endpoint, after)
        every += [msgspec.json.decode(row) for row in page.data]
        more = bool(page.has_more and page.data)
    return every
