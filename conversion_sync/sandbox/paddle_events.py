"""What Paddle tells of a business: its events, in order of time, each with its object as it was then.

Some types are noise: nobody who counts money needs them. Customers in test mode live in Paddle's other
environment, so there is nothing of them here. Source: specs/billing.md §3.1, §3.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from conversion_sync.sandbox.business import Business
from conversion_sync.sandbox.paddle_ids import event_name, name, stamp
from conversion_sync.sandbox.paddle_shapes import (
    Adjusting,
    Json,
    address_object,
    adjustment_object,
    adjustments_of,
    customer_object,
    subscription_object,
    transaction_id,
)
from conversion_sync.sandbox.paddle_transactions import (
    COMPLETED,
    PAID,
    SUBSCRIBED,
    bills_of,
    revised_at,
    transaction_object,
)
from conversion_sync.sandbox.records import Change, Customer, Invoice

UNTOLD = frozenset({"paused_collection", "returned_elsewhere", "inquiry"})
"""Lives that have no form at Paddle."""
TOUCHED = timedelta(milliseconds=40)
"""After a change of a subscription, its `subscription.updated`."""
SPECIFIC = {
    "created": "subscription.created",
    "started": "subscription.activated",
    "deleted": "subscription.canceled",
    "paused": "subscription.paused",
    "resumed": "subscription.resumed",
    "past_due": "subscription.past_due",
}
"""Changes that have an event of their own; the others are only an update."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event; its body is rendered when it is asked for."""

    id: str
    type: str
    at: datetime
    render: Callable[[], Json]

    def body(self) -> Json:
        """The event as the API answers it."""
        return {
            "event_id": self.id,
            "event_type": self.type,
            "occurred_at": stamp(self.at),
            "data": self.render(),
        }


def live(business: Business) -> Iterator[Customer]:
    """The customers of this environment."""
    return (customer for customer in business.customers if customer.livemode and customer.story not in UNTOLD)


def events_of(business: Business) -> list[Event]:
    """All events of the business, oldest first."""
    told = [
        event for customer in live(business) for event in _of_customer(customer) if event.at < business.end
    ]
    told += _payouts(business)
    return sorted(told, key=lambda event: event.id)


def _made(kind: str, at: datetime, what: str, render: Callable[[], Json]) -> Event:
    return Event(id=event_name(at, f"{kind}:{what}:{at}"), type=kind, at=at, render=render)


def _of_customer(customer: Customer) -> Iterator[Event]:
    at = customer.created_at
    yield _made("customer.created", at, customer.id, partial(customer_object, customer))
    yield _made("address.created", at, customer.id, partial(address_object, customer))
    for change in customer.changes:
        yield from _of_change(customer, change)
    for invoice in bills_of(customer):
        yield from _of_invoice(customer, invoice)
        for done in adjustments_of(invoice):
            yield from _of_adjustment(customer, invoice, done)


def _of_change(customer: Customer, change: Change) -> Iterator[Event]:
    """The specific event where there is one; all but the first are updates too."""
    what = change.subscription
    if change.what == "created":
        at = change.at + SUBSCRIBED
        first = next((transaction_id(bill) for bill in customer.invoices if bill.subscription == what), None)
        yield _made(SPECIFIC["created"], at, what, partial(subscription_object, customer, change, first))
        kind = "trialing" if change.now.status == "trialing" else "activated"
        at += TOUCHED
        yield _made(f"subscription.{kind}", at, what, partial(subscription_object, customer, change))
        return
    render = partial(subscription_object, customer, change)
    if change.what in SPECIFIC:
        yield _made(SPECIFIC[change.what], change.at, what, render)
    yield _made("subscription.updated", change.at + TOUCHED, what, render)


def _of_invoice(customer: Customer, invoice: Invoice) -> Iterator[Event]:
    def told(kind: str, at: datetime) -> Event:
        render = partial(transaction_object, customer, invoice, at)
        return _made(f"transaction.{kind}", at, invoice.id, render)

    yield told("created", invoice.created_at)
    yield told("ready" if invoice.billing_reason == "subscription_create" else "billed", invoice.created_at)
    for failed in invoice.failed_at:
        yield told("payment_failed", failed)
        yield told("past_due", failed)
    if invoice.lost_at is not None:
        yield told("canceled", invoice.lost_at)
    if invoice.total:
        yield told("paid", invoice.paid_at + PAID)
    yield told("completed", invoice.paid_at + COMPLETED)
    yield told("updated", invoice.paid_at + COMPLETED)
    revised = revised_at(customer, invoice)
    if revised is not None:
        yield told("revised", revised)


def _of_adjustment(customer: Customer, invoice: Invoice, done: Adjusting) -> Iterator[Event]:
    for place, (at, _) in enumerate(done.history):
        render = partial(adjustment_object, customer, invoice, done, at)
        yield _made("adjustment.updated" if place else "adjustment.created", at, done.id, render)


def _payouts(business: Business) -> Iterator[Event]:
    """Once a day the account's money goes to its bank: an event of no customer."""
    day = business.start
    while day < business.end:
        yield _made("payout.paid", day, f"{day:%Y%m%d}", partial(_payout, day))
        day += timedelta(days=1)


def _payout(day: datetime) -> Json:
    return {
        "id": name("pay", day, "payout"),
        "status": "paid",
        "amount": "100000",
        "currency_code": "USD",
    }
