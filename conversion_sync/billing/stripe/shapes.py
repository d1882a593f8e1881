"""Stripe's objects in either shape, as the same facts: read by presence of fields, never by version.

Source: specs/billing.md §1.2 (what moved where), §1.3 (amounts), §1.4 (references).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from conversion_sync.billing.facts import Line

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Which customer, invoice and payment an object names."""

    customer: str | None = None
    invoice: str | None = None
    payment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceFact:
    """A paid invoice. Amounts in minor units of `currency` (upper case)."""

    id: str
    event_id: str
    api_version: str | None
    livemode: bool
    customer: str | None
    country: str | None
    subscription: str | None
    payment: str | None
    currency: str
    billing_reason: str
    paid_at: datetime
    amount_paid: int
    total: int
    net_total: int
    discount: int
    credit_applied: int | None
    off_provider: int | None
    metadata: Mapping[str, str]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFact:
    """One state of a refund. `payment` is the PaymentIntent, or the charge where there is none."""

    id: str
    event_id: str
    api_version: str | None
    livemode: bool
    payment: str | None
    amount: int
    currency: str
    status: str
    created_at: datetime
    seen_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeFact:
    """How much of a charge had been refunded, as one event shows it."""

    id: str
    event_id: str
    api_version: str | None
    livemode: bool
    payment: str | None
    amount_refunded: int
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriptionFact:
    """A subscription as one event shows it; `was` is its status before, if the event says that changed."""

    id: str
    event_id: str
    event_type: str
    api_version: str | None
    livemode: bool
    customer: str | None
    status: str
    was: str | None
    at: datetime
    currency: str | None
    interval: str | None
    interval_count: int | None
    price: str | None
    quantity: int | None
    previous_price: str | None
    previous_quantity: int | None
    ended_at: datetime | None
    metadata: Mapping[str, str]


def moment(seconds: int | None) -> datetime | None:
    """Aware UTC of Unix seconds."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def reference(value: object) -> str | None:
    """An id, whether it is given alone or inside an expanded object."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) and value else None


def references(thing: Json) -> References:
    """What any object says of its customer, invoice and payment."""
    customer = reference(thing.get("customer")) or reference(thing.get("customer_account"))
    invoice = reference(thing.get("invoice"))
    own = reference(thing.get("id"))
    payment = reference(thing.get("payment_intent"))
    match thing.get("object"):
        case "customer":
            customer, payment = own, None
        case "invoice":
            invoice, payment = own, _invoice_payment(thing)
        case "invoice_payment":
            paid = thing.get("payment") or {}
            payment = reference(paid.get("payment_intent")) or reference(paid.get("charge"))
        case "payment_intent":
            payment = own
        case "charge":
            payment = payment or own
        case "refund" | "dispute":
            payment = payment or reference(thing.get("charge"))
        case _:
            payment = None
    return References(customer=customer, invoice=invoice, payment=payment)


def _invoice_payment(invoice: Json) -> str | None:
    inline = reference(invoice.get("payment_intent")) or reference(invoice.get("charge"))
    if inline:
        return inline
    for paid in (invoice.get("payments") or {}).get("data", []):
        found = reference((paid.get("payment") or {}).get("payment_intent"))
        if found:
            return found
    return None


def invoice_fact(event: Json, invoice: Json) -> InvoiceFact:
    """A paid invoice, from an event or a listed object in either shape."""
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    old_details = invoice.get("subscription_details") or {}
    lines = (invoice.get("lines") or {}).get("data", [])
    subscription = (
        reference(details.get("subscription"))
        or reference(invoice.get("subscription"))
        or next((found for line in lines if (found := _line_subscription(line))), None)
    )
    transitions = invoice.get("status_transitions") or {}
    total = int(invoice["total"])
    net_total = invoice.get("total_excluding_tax")
    balance = invoice.get("ending_balance"), invoice.get("starting_balance")
    return InvoiceFact(
        id=str(invoice["id"]),
        event_id=str(event["id"]),
        api_version=event.get("api_version"),
        livemode=bool(invoice.get("livemode", event.get("livemode"))),
        customer=references(invoice).customer,
        country=(invoice.get("customer_address") or {}).get("country"),
        subscription=subscription,
        payment=_invoice_payment(invoice),
        currency=str(invoice["currency"]).upper(),
        billing_reason=str(invoice.get("billing_reason") or "manual"),
        paid_at=moment(transitions.get("paid_at") or event["created"]) or datetime.fromtimestamp(0, UTC),
        amount_paid=int(invoice["amount_paid"]),
        total=total,
        net_total=total - _tax(invoice) if net_total is None else int(net_total),
        discount=sum(int(part["amount"]) for part in invoice.get("total_discount_amounts") or []),
        credit_applied=None if None in balance else int(balance[0]) - int(balance[1]),  # type: ignore[arg-type]
        off_provider=_off_provider(invoice),
        metadata={
            **(invoice.get("metadata") or {}),
            **(old_details.get("metadata") or {}),
            **(details.get("metadata") or {}),
        },
        lines=tuple(_line(line) for line in lines),
    )


def _tax(invoice: Json) -> int:
    """All tax, where the invoice does not say what is left without it."""
    if invoice.get("tax") is not None:
        return int(invoice["tax"])
    return sum(int(tax["amount"]) for tax in invoice.get("total_taxes") or [])


def _off_provider(invoice: Json) -> int | None:
    if invoice.get("amount_paid_off_stripe") is not None:
        return int(invoice["amount_paid_off_stripe"])
    return int(invoice["amount_paid"]) if invoice.get("paid_out_of_band") else None


def _line_details(line: Json) -> Json:
    parent = line.get("parent") or {}
    return parent.get("subscription_item_details") or parent.get("invoice_item_details") or {}


def _line_subscription(line: Json) -> str | None:
    return reference(_line_details(line).get("subscription")) or reference(line.get("subscription"))


def _line(line: Json) -> Line:
    details = _line_details(line)
    proration = details.get("proration") if "proration" in details else line.get("proration")
    price = ((line.get("pricing") or {}).get("price_details") or {}).get("price")
    taxes: Sequence[Json] = line.get("taxes") or []
    old_taxes: Sequence[Json] = line.get("tax_amounts") or []
    inclusive = sum(int(tax["amount"]) for tax in taxes if tax.get("tax_behavior") == "inclusive")
    inclusive += sum(int(tax["amount"]) for tax in old_taxes if tax.get("inclusive"))
    discount = sum(int(part["amount"]) for part in line.get("discount_amounts") or [])
    period = line.get("period") or {}
    return Line(
        net=int(line["amount"]) - discount - inclusive,
        proration=bool(proration),
        price=reference(price) or reference(line.get("price")),
        quantity=line.get("quantity"),
        period_start=moment(period.get("start")),
        period_end=moment(period.get("end")),
    )


def refund_fact(event: Json, refund: Json) -> RefundFact:
    """A refund as one event shows it."""
    return RefundFact(
        id=str(refund["id"]),
        event_id=str(event["id"]),
        api_version=event.get("api_version"),
        livemode=bool(event.get("livemode")),
        payment=references(refund).payment,
        amount=int(refund["amount"]),
        currency=str(refund["currency"]).upper(),
        status=str(refund.get("status") or "succeeded"),
        created_at=moment(refund["created"]) or datetime.fromtimestamp(0, UTC),
        seen_at=moment(event["created"]) or datetime.fromtimestamp(0, UTC),
    )


def subscription_fact(event: Json, subscription: Json) -> SubscriptionFact:
    """A subscription as one event shows it."""
    previous = (event.get("data") or {}).get("previous_attributes") or {}
    item: Json = next(iter((subscription.get("items") or {}).get("data", [])), {})
    before: Json = next(iter((previous.get("items") or {}).get("data", [])), {})
    price = item.get("price") or {}
    recurring = price.get("recurring") or {} if isinstance(price, Mapping) else {}
    currency = subscription.get("currency")
    return SubscriptionFact(
        id=str(subscription["id"]),
        event_id=str(event["id"]),
        event_type=str(event["type"]),
        api_version=event.get("api_version"),
        livemode=bool(event.get("livemode")),
        customer=references(subscription).customer,
        status=str(subscription.get("status")),
        was=previous.get("status"),
        at=moment(event["created"]) or datetime.fromtimestamp(0, UTC),
        currency=None if currency is None else str(currency).upper(),
        interval=recurring.get("interval"),
        interval_count=recurring.get("interval_count"),
        price=reference(price),
        quantity=item.get("quantity"),
        previous_price=reference(before.get("price")),
        previous_quantity=before.get("quantity"),
        ended_at=moment(subscription.get("ended_at")),
        metadata=subscription.get("metadata") or {},
    )
