"""Paddle's lists: things in the order of their ids, found by filter, by time and by cursor.

A page costs what it walks over, not what the list holds: an id is a time, as are the filters that bound it.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from conversion_sync.sandbox.business import Business
from conversion_sync.sandbox.paddle_events import Event, events_of, live
from conversion_sync.sandbox.paddle_ids import JITTER
from conversion_sync.sandbox.paddle_shapes import (
    Adjusting,
    Json,
    address_object,
    adjustment_object,
    adjustments_of,
    customer_id,
    customer_object,
    subscription_id,
    subscription_object,
    transaction_id,
)
from conversion_sync.sandbox.paddle_transactions import bills_of, transaction_object
from conversion_sync.sandbox.records import Customer, Invoice

LATEST = timedelta(seconds=9)
"""An event can be in the list only so long after it happened; most are there at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something that can be listed: its id, when it came to be, since when it is seen, how it looks then."""

    id: str
    at: datetime
    seen: datetime
    render: Callable[[datetime], Json]
    marks: Mapping[str, str] = field(default_factory=dict)
    """Filters that never change for it."""
    related: Mapping[str, Callable[[], Json]] = field(default_factory=dict)
    """What can be included with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A question to a list: [low, high] of when things came to be, a test, and where a page begins."""

    low: datetime | None
    high: datetime | None
    accepts: Callable[[Item], bool]
    size: int
    descending: bool
    after: str | None


class Shelf:
    """One list, built once."""

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = sorted(items, key=lambda item: item.id)
        self._ids = [item.id for item in self.items]
        self._times = [item.at for item in self.items]

    def page(self, wanted: Wanted) -> tuple[list[Item], int]:
        """A page, and how many there are with it and after it."""
        first, last = 0, len(self.items)
        margin = timedelta(milliseconds=JITTER + 1)
        if wanted.low is not None:
            first = bisect.bisect_left(self._times, wanted.low - margin)
        if wanted.high is not None:
            last = bisect.bisect_right(self._times, wanted.high + margin)
        if wanted.after is not None:
            if wanted.descending:
                last = min(last, bisect.bisect_left(self._ids, wanted.after))
            else:
                first = max(first, bisect.bisect_right(self._ids, wanted.after))
        places = range(first, last)
        found = [
            self.items[place]
            for place in (reversed(places) if wanted.descending else places)
            if wanted.accepts(self.items[place])
        ]
        return found[: wanted.size], len(found)


class PaddleData:
    """The business as Paddle's lists."""

    def __init__(self, business: Business) -> None:
        payers = list(live(business))
        self.shelves = {
            "events": Shelf(map(_event, events_of(business))),
            "customers": Shelf(map(_customer, payers)),
            "subscriptions": Shelf(
                _subscription(payer, one) for payer in payers for one in payer.subscriptions
            ),
            "transactions": Shelf(_transaction(payer, one) for payer in payers for one in bills_of(payer)),
            "adjustments": Shelf(item for payer in payers for item in _adjustments(payer)),
        }


def _event(event: Event) -> Item:
    late = LATEST * (event.at.microsecond // 1000 % 7 == 5) * (int(event.at.timestamp()) % 10) / 10
    return Item(
        id=event.id,
        at=event.at,
        seen=event.at + late,
        render=lambda _: event.body(),
        marks={"event_type": event.type},
    )


def _customer(customer: Customer) -> Item:
    return Item(
        id=customer_id(customer),
        at=customer.created_at,
        seen=customer.created_at,
        render=lambda _: customer_object(customer),
        marks={"email": customer.email},
    )


def _subscription(customer: Customer, subscription: str) -> Item:
    changes = [change for change in customer.changes if change.subscription == subscription]

    def render(at: datetime) -> Json:
        happened = [change for change in changes if change.at <= at]
        return subscription_object(customer, happened[-1])

    return Item(
        id=subscription_id(customer, subscription),
        at=customer.created_at,
        seen=changes[0].at,
        render=render,
        marks={"customer_id": customer_id(customer)},
    )


def _transaction(customer: Customer, invoice: Invoice) -> Item:
    return Item(
        id=transaction_id(invoice),
        at=invoice.created_at,
        seen=invoice.created_at,
        render=lambda at: transaction_object(customer, invoice, at),
        marks={"customer_id": customer_id(customer)},
        related={
            "customer": partial(customer_object, customer),
            "address": partial(address_object, customer),
        },
    )


def _adjustments(customer: Customer) -> Iterator[Item]:
    for invoice in bills_of(customer):
        for done in adjustments_of(invoice):
            yield Item(
                id=done.id,
                at=done.at,
                seen=done.at,
                render=_render_adjustment(customer, invoice, done),
                marks={"customer_id": customer_id(customer), "transaction_id": transaction_id(invoice)},
            )


def _render_adjustment(customer: Customer, invoice: Invoice, done: Adjusting) -> Callable[[datetime], Json]:
    return lambda at: adjustment_object(customer, invoice, done, at)
