"""What Stripe tells of a business: its events, in order of time.

An event's body is rendered in its customer's API version and shows its object as it was at that moment.
Some types are noise: nobody who counts money needs them. Source: specs/billing.md §1.2, §1.8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from conversion_sync.sandbox.business import Business
from conversion_sync.sandbox.records import Change, Customer, Invoice, Refund
from conversion_sync.sandbox.stripe_invoices import (
    invoice_object,
    invoice_payment_object,
    upcoming_invoice_object,
)
from conversion_sync.sandbox.stripe_money import (
    Paid,
    charge_object,
    dispute_object,
    note_object,
    one_off,
    payment_intent_object,
    payment_of,
    refund_object,
    refunded_note_object,
)
from conversion_sync.sandbox.stripe_shapes import (
    NEW_VERSION,
    Json,
    customer_object,
    previous_attributes,
    seconds,
    subscription_object,
    version_of,
)

NOTICE = timedelta(days=3)
"""How long before a trial's end or a renewal Stripe says that it is coming."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event; its body is rendered when it is asked for."""

    id: str
    type: str
    at: datetime
    api_version: str
    livemode: bool
    render: Callable[[], Json]
    previous: Json | None = None

    def body(self) -> Json:
        """The event as the API answers it."""
        data: Json = {"object": self.render()}
        if self.previous is not None:
            data["previous_attributes"] = self.previous
        return {
            "id": self.id,
            "object": "event",
            "api_version": self.api_version,
            "created": seconds(self.at),
            "data": data,
            "livemode": self.livemode,
            "pending_webhooks": 0,
            "request": {"id": None, "idempotency_key": None},
            "type": self.type,
        }


def events_of(business: Business) -> list[Event]:
    """All events of the business, oldest first."""
    told = [
        event
        for customer in business.customers
        for event in _of_customer(customer)
        if event.at < business.end
    ]
    told += _payouts(business)
    return sorted(told, key=lambda event: (event.at, event.id))


class _Maker:
    """Names a customer's events one after the other."""

    def __init__(self, customer: Customer) -> None:
        self._customer = customer
        self._count = 0

    def __call__(
        self, kind: str, at: datetime, render: Callable[[], Json], previous: Json | None = None
    ) -> Event:
        self._count += 1
        return Event(
            id=f"evt_{self._customer.number:08d}{self._count:05d}",
            type=kind,
            at=at,
            api_version=version_of(self._customer),
            livemode=self._customer.livemode,
            render=render,
            previous=previous,
        )


def _of_customer(customer: Customer) -> Iterator[Event]:
    made = _Maker(customer)
    yield made("customer.created", customer.created_at, partial(customer_object, customer))
    yield made("payment_method.attached", customer.created_at, partial(_payment_method, customer))
    for change in customer.changes:
        yield from _of_change(made, customer, change)
    for invoice in customer.invoices:
        yield from _of_invoice(made, customer, invoice)
        for note in invoice.notes:
            yield made("credit_note.created", note.at, partial(note_object, customer, invoice, note))
        if (paid := payment_of(invoice)) is not None:
            yield from _back(made, customer, paid)
        for refund in invoice.refunds:
            if refund.credit_note is not None:
                told = partial(refunded_note_object, customer, invoice, refund)
                yield made("credit_note.created", refund.created_at, told)
    for invoice in customer.lost:
        yield from _of_invoice(made, customer, invoice)
    for alone in map(one_off, customer.one_offs):
        yield from _of_payment(made, customer, alone)
        yield from _back(made, customer, alone)


def _of_change(made: _Maker, customer: Customer, change: Change) -> Iterator[Event]:
    kind = change.what if change.what in {"created", "deleted"} else "updated"
    if change.now.status == "paused" or (change.before and change.before.status == "paused"):
        kind = change.what  # the other way to pause is an update like any other
    render = partial(subscription_object, customer, change)
    if change.what == "created" and customer.trial_end is not None:
        yield made("customer.subscription.trial_will_end", customer.trial_end - NOTICE, render)
    if change.what == "renewed":
        coming = change.at - NOTICE
        yield made(
            "invoice.upcoming", coming, partial(upcoming_invoice_object, customer, coming, change.now.price)
        )
    yield made(f"customer.subscription.{kind}", change.at, render, previous_attributes(customer, change))


def _of_invoice(made: _Maker, customer: Customer, invoice: Invoice) -> Iterator[Event]:
    def shown(at: datetime, status: str) -> Callable[[], Json]:
        return partial(invoice_object, customer, invoice, at, status=status)

    at = invoice.paid_at
    finalized = min((*invoice.failed_at, at))
    yield made("invoice.created", invoice.created_at, shown(invoice.created_at, "draft"))
    yield made("invoice.finalized", finalized, shown(finalized, "open"))
    for failed in invoice.failed_at:
        yield made("invoice.payment_failed", failed, shown(failed, "open"))
    if invoice.lost_at is not None:
        lost = shown(invoice.lost_at, "uncollectible")
        yield made("invoice.marked_uncollectible", invoice.lost_at, lost)
    if (paid := payment_of(invoice)) is not None:
        yield from _of_payment(made, customer, paid)
    if invoice.total and not customer.old_shape:
        yield made("invoice_payment.paid", at, partial(invoice_payment_object, customer, invoice))
    yield made("invoice.paid", at, shown(at, "paid"))
    yield made("invoice.payment_succeeded", at, shown(at, "paid"))


def _of_payment(made: _Maker, customer: Customer, paid: Paid) -> Iterator[Event]:
    yield made("charge.succeeded", paid.at, partial(charge_object, customer, paid, paid.at))
    yield made("payment_intent.succeeded", paid.at, partial(payment_intent_object, customer, paid))


def _back(made: _Maker, customer: Customer, paid: Paid) -> Iterator[Event]:
    """What went back of a payment."""
    for refund in paid.refunds:
        yield from _of_refund(made, customer, paid, refund)
    dispute = paid.dispute
    if dispute is None:
        return

    def shown(at: datetime) -> Callable[[], Json]:
        return partial(dispute_object, customer, paid, dispute, at)

    yield made("charge.dispute.created", dispute.opened_at, shown(dispute.opened_at))
    if not dispute.inquiry:
        yield made("charge.dispute.funds_withdrawn", dispute.opened_at, shown(dispute.opened_at))
    if dispute.closed_at is not None:
        if dispute.is_won:
            yield made("charge.dispute.funds_reinstated", dispute.closed_at, shown(dispute.closed_at))
        yield made("charge.dispute.closed", dispute.closed_at, shown(dispute.closed_at))


def _of_refund(made: _Maker, customer: Customer, paid: Paid, refund: Refund) -> Iterator[Event]:
    for place, (at, status) in enumerate(refund.history):
        render = partial(refund_object, customer, paid, refund, status)
        yield made("refund.updated" if place else "refund.created", at, render)
        if status == "failed":
            yield made("refund.failed", at, render)
        if status == "succeeded" and customer.old_shape:
            yield made("charge.refunded", at, partial(charge_object, customer, paid, at))


def _payment_method(customer: Customer) -> Json:
    return {
        "id": f"pm_{customer.number:08d}",
        "object": "payment_method",
        "created": seconds(customer.created_at),
        "customer": customer.id,
        "livemode": customer.livemode,
        "metadata": {},
        "type": "card",
    }


def _payouts(business: Business) -> Iterator[Event]:
    """Once a day the account's money goes to its bank: an event of no customer."""
    day = business.start
    while day < business.end:
        yield Event(
            id=f"evt_payout_{day:%Y%m%d}",
            type="payout.paid",
            at=day,
            api_version=NEW_VERSION,
            livemode=True,
            render=partial(_payout, day),
        )
        day += timedelta(days=1)


def _payout(day: datetime) -> Json:
    return {
        "id": f"po_{day:%Y%m%d}",
        "object": "payout",
        "amount": 100_000,
        "arrival_date": seconds(day),
        "created": seconds(day),
        "currency": "usd",
        "livemode": True,
        "metadata": {},
        "status": "paid",
    }
