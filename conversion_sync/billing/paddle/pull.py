"""Events of a window, and the objects money and subscriptions of a window are read from.

    events:  first page of the window ── all there is? done
                    └─ else the rest of its time in pieces, several at once, within the address's limit
    objects: transactions billed or changed in it, adjustments since some weeks before, subscriptions
             changed since it began

Events are asked for in order of their ids, which are times. Whether Paddle's `from` and `to` include their
bounds is not documented, so a little more is asked for and what lies outside is left out; a late event is in
the overlap of the next window. Source: specs/billing.md §3.1, §3.4.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

from conversion_sync.billing.paddle.catalogue import PaddleCatalogue
from conversion_sync.billing.paddle.client import Json, PaddleLists
from conversion_sync.billing.paddle.records import object_record, record_of, time_told
from conversion_sync.billing.paddle.values import moment, time_of
from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.together import together
from conversion_sync.model.windows import Window

Records = Sequence[RawRecord]
AROUND = timedelta(milliseconds=1)
"""Asked for beyond both bounds."""


class Feed:
    """What one account tells of a window."""

    def __init__(self, lists: PaddleLists, catalogue: PaddleCatalogue, *, livemode: bool) -> None:
        self._lists, self._catalogue, self._livemode = lists, catalogue, livemode

    # -- events ----------------------------------------------------------------------------------------------

    def events(self, window: Window) -> Iterator[Records]:
        """Pages of events that happened in [start, end), each event once. Raises as `PaddleLists.page`."""
        page = self._lists.page("/events", self._question(window), "event_id")
        yield from self._kept(page.rows, window, ())
        if page.next is None or not page.rows:
            return
        reached = time_told(page.rows[-1], window.start) - timedelta(
            milliseconds=self._catalogue.api.id_drift_ms
        )
        rest = Window(min(max(reached, window.start), window.end - AROUND), window.end)
        seen = frozenset(row["event_id"] for row in page.rows)
        pieces = self._pieces(rest, page.left)
        yield from together(
            (partial(self._piece, piece, seen) for piece in pieces), self._catalogue.api.threads
        )

    def _piece(self, window: Window, seen: Collection[str]) -> Iterator[Records]:
        for page in self._lists.pages("/events", self._question(window), "event_id"):
            yield from self._kept(page.rows, window, seen)

    def _kept(self, rows: Sequence[Json], window: Window, seen: Collection[str]) -> Iterator[Records]:
        fresh = {
            row["event_id"]: row
            for row in rows
            if row["event_id"] not in seen and time_told(row, window.start) in window
        }
        if fresh:
            yield [self._record(row, window.start) for row in fresh.values()]

    def _record(self, event: Json, fallback: datetime) -> RawRecord:
        return record_of(event, livemode=self._livemode, fallback=fallback)

    def _question(self, window: Window) -> dict[str, str]:
        return {
            "from": _stamp(window.start - AROUND),
            "to": _stamp(window.end + AROUND),
            "event_type": ",".join(self._catalogue.events.read),
            "order_by": "id[ASC]",
            "per_page": str(self._catalogue.page_sizes.events),
        }

    def _pieces(self, window: Window, left: int | None) -> list[Window]:
        """Equal spans of time, no more than there may be pages."""
        pages = -(-(left or 0) // self._catalogue.page_sizes.events)
        number = max(min(pages, self._catalogue.api.pieces), 1)
        span = (window.end - window.start) / number
        bounds = [window.start + span * place for place in range(number)] + [window.end]
        return [Window(start, end) for start, end in pairwise(bounds) if start < end]

    # -- objects ---------------------------------------------------------------------------------------------

    def objects(self, window: Window, clock: Callable[[], datetime]) -> Iterator[Records]:
        """Pages of objects as they are now. Raises as `PaddleLists.page`."""
        return together(
            [
                partial(self._transactions, "billed_at", window, clock),
                partial(self._transactions, "updated_at", window, clock),
                partial(self._adjustments, window, clock),
                partial(self._subscriptions, window, clock),
            ],
            self._catalogue.api.threads,
        )

    def _transactions(self, member: str, window: Window, clock: Callable[[], datetime]) -> Iterator[Records]:
        query = {
            f"{member}[GTE]": _stamp(window.start),
            f"{member}[LT]": _stamp(window.end),
            "include": "customer,address",
            "per_page": str(self._catalogue.page_sizes.transactions),
        }
        for page in self._lists.pages("/transactions", query):
            yield self._objects(page.rows, "transaction", clock())

    def _adjustments(self, window: Window, clock: Callable[[], datetime]) -> Iterator[Records]:
        """Newest first; there is no filter of time, but an id is one. Approval can take days."""
        oldest = window.start - timedelta(days=self._catalogue.api.adjustment_reach_days)
        query = {"order_by": "id[DESC]", "per_page": str(self._catalogue.page_sizes.adjustments)}
        for page in self._lists.pages("/adjustments", query):
            yield self._objects(page.rows, "adjustment", clock())
            made = time_of(page.rows[-1]["id"])
            if made is not None and made < oldest:
                return

    def _subscriptions(self, window: Window, clock: Callable[[], datetime]) -> Iterator[Records]:
        """All are listed, without a filter of time; those at rest since before the window are left out."""
        query = {"per_page": str(self._catalogue.page_sizes.subscriptions)}
        for page in self._lists.pages("/subscriptions", query):
            changed = [row for row in page.rows if _changed_since(row, window.start)]
            if changed:
                yield self._objects(changed, "subscription", clock())

    def _objects(self, rows: Sequence[Json], kind: str, listed_at: datetime) -> Records:
        return [object_record(row, kind, livemode=self._livemode, listed_at=listed_at) for row in rows]


def _stamp(at: datetime) -> str:
    return at.isoformat(timespec="microseconds").replace("+00:00", "Z")


def _changed_since(subscription: Json, start: datetime) -> bool:
    try:
        return moment(subscription.get("updated_at")) >= start
    except (TypeError, ValueError, OverflowError):
        return True
