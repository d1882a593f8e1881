"""Which of Lemon Squeezy's lists tell what happened in a window: there is no event feed to ask.

Lists are newest first by creation, and nothing orders or filters by change (specs/billing.md §4.1, §4.2). So
a pull walks each until rows were made `update_days` before the window, and keeps the rows that were made or
changed in it. Older rows that changed are found where a filter finds few: invoices refunded in full, and
subscriptions in a state that passes. What no filter finds, a part of an old invoice refunded say, is left to
`crawl`, which reads every page, and to webhooks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from conversion_sync.billing.lemon_squeezy.catalogue import LemonCatalogue
from conversion_sync.billing.lemon_squeezy.pages import Lists
from conversion_sync.billing.lemon_squeezy.records import Json, record_of, when
from conversion_sync.billing.provider import RawRecord
from conversion_sync.model.windows import Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads an account's lists; `now` says when rows are seen, `store` narrows to one store."""

    lists: Lists
    catalogue: LemonCatalogue
    now: Callable[[], datetime]
    store: str | None

    def pull(self, window: Window, overlap: timedelta, update_days: int) -> Iterator[Sequence[RawRecord]]:
        """Pages of rows made or changed in [start - overlap, end), as far as they can be found."""
        span = Window(window.start - overlap, window.end)
        known_until = span.start - timedelta(days=update_days)

        def fresh(row: Json) -> bool:
            return _in(row, "created_at", span) or _in(row, "updated_at", span)

        def older(row: Json) -> bool:
            made = when(row, "created_at")
            return made is not None and made < known_until

        for name in self.catalogue.types.read:
            yield from self._kept(name, {}, older, fresh)
        for name, filters in self._passing():
            yield from self._kept(name, filters, _never, lambda row: older(row) and fresh(row))

    def crawl(self, window: Window) -> Iterator[Sequence[RawRecord]]:
        """Every page there is: the rows made before the window's end and made or changed since its start."""

        def of_window(row: Json) -> bool:
            made, changed = when(row, "created_at"), when(row, "updated_at")
            known = [moment for moment in (made, changed) if moment is not None]
            return not known or (min(known) < window.end and max(known) >= window.start)

        for name in self.catalogue.types.read:
            yield from self._kept(name, {}, _never, of_window)

    def _passing(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        yield "subscription-invoices", {"refunded": "true"}
        for status in self.catalogue.passing.subscriptions:
            yield "subscriptions", {"status": status}

    def _kept(
        self,
        name: str,
        filters: Mapping[str, str],
        enough: Callable[[Json], bool],
        wanted: Callable[[Json], bool],
    ) -> Iterator[Sequence[RawRecord]]:
        """Pages without rows that shifted on from the page before."""
        stores = {} if self.store is None else {"store_id": self.store}
        before: set[str] = set()
        for rows in self.lists.pages(name, {**stores, **filters}, enough):
            seen_at = self.now()
            records = [record_of(row, seen_at) for row in rows if wanted(row)]
            page = [record for record in records if record.event_id not in before]
            before = {record.event_id for record in records}
            if page:
                yield page


def _in(row: Json, name: str, span: Window) -> bool:
    moment = when(row, name)
    return moment is not None and moment in span


def _never(_: Json) -> bool:
    return False
