"""Stripe's objects in either shape, as the same facts: read by presence of fields, never by version.

Source: specs/billing.md §1.2 (what moved where), §1.3 (amounts), §1.4 (references).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from conversion_sync.billing.facts import Line
from conversion_sync.billing.stripe.currencies import currency_of
from conversion_sync.billing.stripe.seen import Json, Seen, id_of, moment, reference, rows, whole, words


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Which customer, invoice and payment an object names."""

    customer: str | None = None
    invoice: str | None = None
    payment: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceFact:
    """An invoice as one record shows it. Amounts in minor units of `currency` (upper case).

    `paid_at` is None while nobody paid it; `lost_at` is when it was given up.
    """

    seen: Seen
    id: str
    status: str
    customer: str | None
    country: str | None
    subscription: str | None
    payment: str | None
    currency: str
    billing_reason: str
    paid_at: datetime | None
    lost_at: datetime | None
    amount_paid: int
    total: int
    net_total: int
    discount: int
    credit_applied: int | None
    off_provider: int | None
    metadata: Mapping[str, str]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoicePayment:
    """What paid a part of an invoice; `off_provider` where that was no payment at Stripe. Source: §1.6."""

    id: str
    invoice: str | None
    payment: str | None
    off_provider: bool
    amount_paid: int
    paid_at: datetime | None


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
            payment = paid_by(thing)
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
    for paid in rows(invoice.get("payments")):
        if found := paid_by(paid):
            return found
    return None


def paid_by(invoice_payment: Json) -> str | None:
    """The payment behind an InvoicePayment; None for one that was no payment at Stripe."""
    paid = _part(invoice_payment, "payment")
    return reference(paid.get("payment_intent")) or reference(paid.get("charge"))


def invoice_payment(thing: Json) -> InvoicePayment:
    """The link between an invoice and what paid a part of it."""
    paid, transitions = _part(thing, "payment"), _part(thing, "status_transitions")
    return InvoicePayment(
        id=id_of(thing),
        invoice=reference(thing.get("invoice")),
        payment=paid_by(thing),
        off_provider=paid.get("type") == "payment_record",
        amount_paid=whole(thing.get("amount_paid") or 0),
        paid_at=moment(transitions.get("paid_at")),
    )


def invoice_fact(seen: Seen) -> InvoiceFact:
    """An invoice, read by presence of fields: the new path first (§1.4)."""
    invoice = seen.thing
    details = _part(_part(invoice, "parent"), "subscription_details")
    old_details = _part(invoice, "subscription_details")
    lines = rows(invoice.get("lines"))
    subscription = (
        reference(details.get("subscription"))
        or reference(invoice.get("subscription"))
        or next((found for line in lines if (found := _line_subscription(line))), None)
    )
    transitions = _part(invoice, "status_transitions")
    status = "paid" if seen.kind == "invoice.paid" else str(invoice.get("status"))
    total, net_total = whole(invoice["total"]), invoice.get("total_excluding_tax")
    balance = invoice.get("ending_balance"), invoice.get("starting_balance")
    paid_at = moment(transitions.get("paid_at")) or (None if seen.listed else seen.at)
    return InvoiceFact(
        seen=seen,
        id=id_of(invoice),
        status=status,
        customer=references(invoice).customer,
        country=reference(_part(invoice, "customer_address").get("country")),
        subscription=subscription,
        payment=_invoice_payment(invoice),
        currency=currency_of(invoice),
        billing_reason=str(invoice.get("billing_reason") or "manual"),
        paid_at=paid_at if status == "paid" else None,
        lost_at=moment(transitions.get("marked_uncollectible_at")) or moment(transitions.get("voided_at")),
        amount_paid=whole(invoice["amount_paid"]),
        total=total,
        net_total=total - _tax(invoice) if net_total is None else whole(net_total),
        discount=_sum(invoice.get("total_discount_amounts")),
        credit_applied=None if None in balance else whole(balance[0]) - whole(balance[1]),
        off_provider=_off_provider(invoice),
        metadata={
            **words(invoice.get("metadata")),
            **words(old_details.get("metadata")),
            **words(details.get("metadata")),
        },
        lines=tuple(_line(line) for line in lines),
    )


def _part(thing: Json, name: str) -> Json:
    part = thing.get(name)
    return part if isinstance(part, Mapping) else {}


def _sum(parts: object) -> int:
    return sum(whole(part["amount"]) for part in rows(parts))


def _tax(invoice: Json) -> int:
    """All tax, where the invoice does not say what is left without it."""
    if invoice.get("tax") is not None:
        return whole(invoice["tax"])
    return _sum(invoice.get("total_taxes"))


def _off_provider(invoice: Json) -> int | None:
    """What was paid by other means: as Stripe says it, or as the payments do where all of them are listed."""
    if invoice.get("amount_paid_off_stripe") is not None:
        return whole(invoice["amount_paid_off_stripe"])
    if invoice.get("paid_out_of_band"):
        return whole(invoice["amount_paid"])
    return None


def _line_details(line: Json) -> Json:
    parent = _part(line, "parent")
    return _part(parent, "subscription_item_details") or _part(parent, "invoice_item_details")


def _line_subscription(line: Json) -> str | None:
    return reference(_line_details(line).get("subscription")) or reference(line.get("subscription"))


def _line(line: Json) -> Line:
    details = _line_details(line)
    proration = details.get("proration") if "proration" in details else line.get("proration")
    price = _part(_part(line, "pricing"), "price_details").get("price")
    inclusive = sum(
        whole(tax["amount"]) for tax in rows(line.get("taxes")) if tax.get("tax_behavior") == "inclusive"
    )
    inclusive += sum(whole(tax["amount"]) for tax in rows(line.get("tax_amounts")) if tax.get("inclusive"))
    period, quantity = _part(line, "period"), line.get("quantity")
    return Line(
        net=whole(line["amount"]) - _sum(line.get("discount_amounts")) - inclusive,
        proration=bool(proration),
        price=reference(price) or reference(line.get("price")),
        quantity=None if quantity is None else whole(quantity),
        period_start=moment(period.get("start")),
        period_end=moment(period.get("end")),
    )
