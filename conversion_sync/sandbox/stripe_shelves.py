"""Stripe's lists: objects in order of creation, found by id, by filter, by time and by cursor.

Pages are newest first (specs/billing.md §1.8). A page costs what it walks over, not what the list holds.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from conversion_sync.sandbox.business import Business
from conversion_sync.sandbox.records import Customer, Dispute, Invoice, Line, Refund
from conversion_sync.sandbox.stripe_events import Event, events_of
from conversion_sync.sandbox.stripe_invoices import (
    invoice_object,
    invoice_payment_object,
    line_object,
)
from conversion_sync.sandbox.stripe_money import (
    Paid,
    charge_object,
    dispute_object,
    note_object,
    payment_intent_object,
    payments_of,
    refund_object,
    refunded_note_object,
)
from conversion_sync.sandbox.stripe_shapes import Json, began_at, customer_object, subscription_object


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something that can be listed: its id, when it came to be, how it looks at a moment in either shape.

    `marks` are the filters that never change for it.
    """

    id: str
    at: datetime
    render: Callable[[datetime, bool], Json]
    """Takes the moment, and whether the shape is that of before 2025-03-31. An event has its own."""
    marks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A question to a list: [low, high) of creation, marks, a page's size, and where it begins."""

    low: datetime | None
    high: datetime
    marks: Mapping[str, str]
    accepts: Callable[[Item], bool]
    size: int
    after: str | None = None
    before: str | None = None


class Shelf:
    """One list, built once."""

    def __init__(self, items: Iterable[Item], *, in_order: bool = False) -> None:
        """`in_order` keeps the order given, last first, as lines of an invoice need it."""
        self.items = list(items) if in_order else sorted(items, key=lambda item: (item.at, item.id))
        self._times = [item.at for item in self.items]
        self._place = {item.id: place for place, item in enumerate(self.items)}
        self._marked: dict[tuple[str, str], list[int]] = {}
        for place, item in enumerate(self.items):
            for mark in item.marks.items():
                self._marked.setdefault(mark, []).append(place)

    def find(self, name: str) -> Item | None:
        """The item of this id."""
        place = self._place.get(name)
        return None if place is None else self.items[place]

    def page(self, wanted: Wanted) -> tuple[list[Item], bool]:
        """A page, newest first, and whether there is more in its direction."""
        first = 0 if wanted.low is None else bisect.bisect_left(self._times, wanted.low)
        last = bisect.bisect_left(self._times, wanted.high)
        if wanted.before is not None:
            first = max(first, self._place[wanted.before] + 1)
            found = self._take(self._places(wanted, first, last), wanted)
            return found[: wanted.size][::-1], len(found) > wanted.size
        if wanted.after is not None:
            last = min(last, self._place[wanted.after])
        found = self._take(reversed(self._places(wanted, first, last)), wanted)
        return found[: wanted.size], len(found) > wanted.size

    def _places(self, wanted: Wanted, first: int, last: int) -> range | list[int]:
        lists = [self._marked.get(mark, []) for mark in wanted.marks.items()]
        if not lists:
            return range(first, last)
        shortest = min(lists, key=len)
        return shortest[bisect.bisect_left(shortest, first) : bisect.bisect_left(shortest, last)]

    def _take(self, places: Iterable[int], wanted: Wanted) -> list[Item]:
        """One more than a page holds, if there is."""
        found: list[Item] = []
        for place in places:
            item = self.items[place]
            marked = all(item.marks.get(name) == value for name, value in wanted.marks.items())
            if marked and wanted.accepts(item):
                found.append(item)
                if len(found) > wanted.size:
                    break
        return found


class StripeData:
    """The business as Stripe's lists."""

    def __init__(self, business: Business) -> None:
        self.shelves = {
            "events": Shelf(map(_event, events_of(business))),
            "customers": Shelf(map(_customer, business.customers)),
            "subscriptions": Shelf(
                _subscription(customer, name)
                for customer in business.customers
                for name in customer.subscriptions
            ),
            "invoices": Shelf(_invoice(*pair) for pair in _invoices(business)),
            "invoice_payments": Shelf(
                _invoice_payment(*pair) for pair in _invoices(business) if pair[1].total
            ),
            "payment_intents": Shelf(_payment_intent(*pair) for pair in _payments(business)),
            "charges": Shelf(_charge(*pair) for pair in _payments(business)),
            "refunds": Shelf(item for pair in _payments(business) for item in _refunds(*pair)),
            "disputes": Shelf(
                _dispute(*pair, pair[1].dispute) for pair in _payments(business) if pair[1].dispute
            ),
            "credit_notes": Shelf(item for pair in _invoices(business) for item in _credit_notes(*pair)),
        }
        self._invoices = {invoice.id: (customer, invoice) for customer, invoice in _invoices(business)}

    def invoice_with_payments(self, invoice_id: str, at: datetime) -> Json:
        """The invoice with its payments expanded."""
        customer, invoice = self._invoices[invoice_id]
        return invoice_object(customer, invoice, at, expanded=True)

    def lines(self, invoice_id: str) -> Shelf:
        """The lines of an invoice, as a list of their own; the first line comes first."""
        customer, invoice = self._invoices[invoice_id]
        return Shelf(
            (
                Item(
                    id=line.id,
                    at=invoice.created_at,
                    render=_line_render(customer, invoice, line),
                )
                for line in reversed(invoice.lines)
            ),
            in_order=True,
        )


def _as(customer: Customer, old: bool) -> Customer:
    """The customer whose objects are in this shape: what is read has the shape that was asked for."""
    return customer if customer.old_shape == old else replace(customer, old_shape=old)


def _invoices(business: Business) -> Iterator[tuple[Customer, Invoice]]:
    for customer in business.customers:
        for invoice in (*customer.invoices, *customer.lost):
            yield customer, invoice


def _payments(business: Business) -> Iterator[tuple[Customer, Paid]]:
    for customer in business.customers:
        for paid in payments_of(customer):
            yield customer, paid


def _event(event: Event) -> Item:
    return Item(id=event.id, at=event.at, render=lambda *_: event.body(), marks={"type": event.type})


def _customer(customer: Customer) -> Item:
    return Item(
        id=customer.id,
        at=customer.created_at,
        render=lambda _, old: customer_object(_as(customer, old)),
        marks={"email": customer.email},
    )


def _subscription(customer: Customer, name: str) -> Item:
    def render(at: datetime, old: bool) -> Json:
        happened = [change for change in customer.changes if change.subscription == name and change.at <= at]
        return subscription_object(_as(customer, old), happened[-1])

    return Item(
        id=name,
        at=began_at(customer, name),
        render=render,
        marks={"customer": customer.id},
    )


def _invoice(customer: Customer, invoice: Invoice) -> Item:
    return Item(
        id=invoice.id,
        at=invoice.created_at,
        render=lambda at, old: invoice_object(_as(customer, old), invoice, at),
        marks={
            "customer": customer.id,
            "subscription": str(invoice.subscription),
            "collection_method": "charge_automatically",
        },
    )


def _invoice_payment(customer: Customer, invoice: Invoice) -> Item:
    kind = "payment_record" if invoice.off_provider else "payment_intent"
    return Item(
        id=f"inpay_{invoice.id[3:]}",
        at=invoice.paid_at,
        render=lambda *_: invoice_payment_object(customer, invoice),
        marks={
            "invoice": invoice.id,
            "payment[type]": kind,
            "payment[payment_intent]": str(invoice.payment_intent),
        },
    )


def _payment_intent(customer: Customer, paid: Paid) -> Item:
    return Item(
        id=paid.payment_intent,
        at=paid.at,
        render=lambda _, old: payment_intent_object(_as(customer, old), paid),
        marks={"customer": customer.id},
    )


def _charge(customer: Customer, paid: Paid) -> Item:
    return Item(
        id=paid.charge,
        at=paid.at,
        render=lambda at, old: charge_object(_as(customer, old), paid, at),
        marks={"customer": customer.id, "payment_intent": paid.payment_intent},
    )


def _refunds(customer: Customer, paid: Paid) -> Iterator[Item]:
    for refund in paid.refunds:
        yield Item(
            id=refund.id,
            at=refund.created_at,
            render=_refund_render(customer, paid, refund),
            marks={"charge": paid.charge, "payment_intent": paid.payment_intent},
        )


def _dispute(customer: Customer, paid: Paid, dispute: Dispute) -> Item:
    return Item(
        id=dispute.id,
        at=dispute.opened_at,
        render=lambda at, _: dispute_object(customer, paid, dispute, at),
        marks={"charge": paid.charge, "payment_intent": paid.payment_intent},
    )


def _credit_notes(customer: Customer, invoice: Invoice) -> Iterator[Item]:
    told = [(str(refund.credit_note), refund.created_at) for refund in invoice.refunds if refund.credit_note]
    for name, at in (*told, *((note.id, note.at) for note in invoice.notes)):
        yield Item(
            id=name,
            at=at,
            render=_credit_note_render(customer, invoice, name),
            marks={"customer": customer.id, "invoice": invoice.id},
        )


def _line_render(customer: Customer, invoice: Invoice, line: Line) -> Callable[[datetime, bool], Json]:
    return lambda _, old: line_object(_as(customer, old), invoice, line)


def _refund_render(customer: Customer, paid: Paid, refund: Refund) -> Callable[[datetime, bool], Json]:
    return lambda at, old: refund_object(_as(customer, old), paid, refund, refund.status_at(at))


def _credit_note_render(customer: Customer, invoice: Invoice, name: str) -> Callable[[datetime, bool], Json]:
    for note in invoice.notes:
        if note.id == name:
            return lambda _, old: note_object(_as(customer, old), invoice, note)
    refund = next(refund for refund in invoice.refunds if refund.credit_note == name)
    return lambda _, old: refunded_note_object(_as(customer, old), invoice, refund)
