"""What Stripe tells of a business: its events, in order of time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from conversion_sync.sandbox.business import Business, Customer, Invoice
from conversion_sync.sandbox.stripe_shapes import (
    Json,
    charge_object,
    customer_object,
    invoice_object,
    invoice_payment_object,
    payment_intent_object,
    refund_object,
    seconds,
    subscription_object,
    version_of,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event; its body is rendered when it is asked for."""

    id: str
    type: str
    at: datetime
    customer: Customer
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
            "api_version": version_of(self.customer),
            "created": seconds(self.at),
            "data": data,
            "livemode": self.customer.livemode,
            "pending_webhooks": 0,
            "request": {"id": None, "idempotency_key": None},
            "type": self.type,
        }


def events_of(business: Business) -> list[Event]:
    """All events of the business, oldest first."""
    told = [event for customer in business.customers for event in _told(customer)]
    return sorted(told, key=lambda event: (event.at, event.id))


def _told(customer: Customer) -> Iterator[Event]:
    made = _Maker(customer)
    yield made("customer.created", customer.created_at, lambda: customer_object(customer))
    for change in customer.changes:
        kind = {"created": "created", "deleted": "deleted"}.get(change.what, "updated")
        previous: Json | None = None
        if change.what == "started":
            previous = {"status": "trialing"}
        elif change.previous_price is not None:
            previous = {"items": {"data": [{"price": {"id": change.previous_price}, "quantity": 1}]}}
        yield made(
            f"customer.subscription.{kind}",
            change.at,
            lambda change=change: subscription_object(customer, change),  # type: ignore[misc]
            previous,
        )
    for invoice in customer.invoices:
        yield from _told_of_invoice(made, customer, invoice)


def _told_of_invoice(made: _Maker, customer: Customer, invoice: Invoice) -> Iterator[Event]:
    at = invoice.paid_at
    yield made("invoice.finalized", at, lambda: invoice_object(customer, invoice))
    if invoice.payment_intent is not None:
        yield made("charge.succeeded", at, lambda: charge_object(customer, invoice, at))
        yield made("payment_intent.succeeded", at, lambda: payment_intent_object(customer, invoice))
        if not customer.old_shape:
            yield made("invoice_payment.paid", at, lambda: invoice_payment_object(customer, invoice))
    yield made("invoice.paid", at, lambda: invoice_object(customer, invoice))
    yield made("invoice.payment_succeeded", at, lambda: invoice_object(customer, invoice))
    for refund in invoice.refunds:
        for place, (moment, status) in enumerate(refund.history):
            kind = "created" if place == 0 else ("failed" if status == "failed" else "updated")
            yield made(
                f"refund.{kind}",
                moment,
                lambda refund=refund, status=status: refund_object(customer, invoice, refund, status),  # type: ignore[misc]
            )
            if status == "succeeded" and customer.old_shape:
                yield made(
                    "charge.refunded",
                    moment,
                    lambda moment=moment: charge_object(customer, invoice, moment),  # type: ignore[misc]
                )


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
            customer=self._customer,
            render=render,
            previous=previous,
        )
