"""Stripe's customers, subscriptions, payments, refunds and credit notes as JSON, in two shapes.

The old shape is that of before 2025-03-31. Nothing here decides anything: facts come from the business.
Source: specs/billing.md §1.2, §1.4.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from conversion_sync.sandbox.plans import unit_amount
from conversion_sync.sandbox.records import Change, Customer, Invoice, Refund, Term

OLD_VERSION = "2024-06-20"
LAST_OLD_VERSION = "2025-03-30"
NEW_VERSION = "2026-10-28.endive"

Json = dict[str, Any]


def seconds(moment: datetime) -> int:
    """Unix time."""
    return int(moment.timestamp())


def version_of(customer: Customer) -> str:
    """The API version this customer's events are rendered in."""
    return OLD_VERSION if customer.old_shape else NEW_VERSION


def customer_metadata(customer: Customer) -> Json:
    """What the company wrote on the customer: who signed up."""
    return _names(customer, 0)


def subscription_metadata(customer: Customer) -> Json:
    """What the company wrote on the subscription: who administers it, a colleague if there is one."""
    return _names(customer, -1)


def _names(customer: Customer, place: int) -> Json:
    match customer.known_by:
        case "user":
            return {"cs_user_id": customer.people[place].user_id}
        case "visitor":
            return {"cs_anon_id": customer.people[0].visitor_ids[0]}
        case _:
            return {}


def customer_object(customer: Customer) -> Json:
    """A customer."""
    return {
        "id": customer.id,
        "object": "customer",
        "address": {"country": customer.market.country, "city": None, "line1": None, "postal_code": None},
        "balance": 0,
        "created": seconds(customer.created_at),
        "currency": customer.market.currency,
        "delinquent": False,
        "email": customer.email,
        "livemode": customer.livemode,
        "metadata": customer_metadata(customer),
        "name": None,
    }


def subscription_object(customer: Customer, change: Change) -> Json:
    """The subscription as it is after a change. Since 2025-03-31 the period is on the item."""
    trial, term = customer.trial_end, change.now
    is_over = change.what == "deleted"
    subscription: Json = {
        "id": customer.subscription,
        "object": "subscription",
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": seconds(change.at) if is_over else None,
        "collection_method": "charge_automatically",
        "created": seconds(customer.created_at),
        "currency": customer.market.currency,
        "customer": customer.id,
        "ended_at": seconds(change.at) if is_over else None,
        "items": {
            "object": "list",
            "data": [_item(customer, term)],
            "has_more": False,
            "total_count": 1,
            "url": f"/v1/subscription_items?subscription={customer.subscription}",
        },
        "livemode": customer.livemode,
        "metadata": subscription_metadata(customer),
        "pause_collection": None,
        "start_date": seconds(customer.created_at),
        "status": term.status,
        "trial_start": seconds(customer.created_at) if trial else None,
        "trial_end": seconds(trial) if trial else None,
    }
    if customer.old_shape:
        return subscription | _period(term) | {"discount": None, "quantity": 1}
    return subscription | {"billing_mode": {"type": "flexible"}, "discounts": []}


def _item(customer: Customer, term: Term) -> Json:
    item: Json = {
        "id": f"si_{customer.number:08d}",
        "object": "subscription_item",
        "created": seconds(customer.created_at),
        "metadata": {},
        "price": price_object(customer, term.price),
        "quantity": 1,
        "subscription": customer.subscription,
    }
    return item if customer.old_shape else item | _period(term)


def _period(term: Term) -> Json:
    return {
        "current_period_start": seconds(term.period_start),
        "current_period_end": seconds(term.period_end),
    }


def previous_attributes(customer: Customer, change: Change) -> Json | None:
    """What an update's event says was before: a renewal names the items, although only their period moved."""
    before = change.before
    if before is None or change.what in {"created", "deleted"}:
        return None
    previous: Json = {}
    if before.status != change.now.status:
        previous["status"] = before.status
    if customer.old_shape and before.period_start != change.now.period_start:
        previous |= _period(before)
    if not customer.old_shape or before.price != change.now.price:
        previous["items"] = {"data": [_item(customer, before)]}
    return previous


def price_object(customer: Customer, price: str) -> Json:
    """A recurring price."""
    amount = unit_amount(customer.market, price)
    return {
        "id": price,
        "object": "price",
        "active": True,
        "currency": customer.market.currency,
        "product": product_of(price),
        "recurring": {"interval": customer.interval, "interval_count": 1, "usage_type": "licensed"},
        "type": "recurring",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }


def product_of(price: str) -> str:
    """The product a price belongs to."""
    return f"prod_{price.rsplit('_', 1)[1]}"


def payment_intent_object(customer: Customer, invoice: Invoice) -> Json:
    """The payment of an invoice; only the old shape names the invoice."""
    rendered: Json = {
        "id": invoice.payment_intent,
        "object": "payment_intent",
        "amount": invoice.total,
        "amount_received": invoice.total,
        "created": seconds(invoice.paid_at),
        "currency": customer.market.currency,
        "customer": customer.id,
        "latest_charge": invoice.charge,
        "livemode": customer.livemode,
        "metadata": {},
        "status": "succeeded",
    }
    return rendered | ({"invoice": invoice.id} if customer.old_shape else {})


def charge_object(customer: Customer, invoice: Invoice, at: datetime) -> Json:
    """The charge of a payment, with what had been refunded of it at a moment."""
    refunded = sum(
        refund.amount
        for refund in invoice.refunds
        if refund.created_at <= at and refund.status_at(at) == "succeeded"
    )
    rendered: Json = {
        "id": invoice.charge,
        "object": "charge",
        "amount": invoice.total,
        "amount_captured": invoice.total,
        "amount_refunded": refunded,
        "captured": True,
        "created": seconds(invoice.paid_at),
        "currency": customer.market.currency,
        "customer": customer.id,
        "disputed": False,
        "livemode": customer.livemode,
        "metadata": {},
        "paid": True,
        "payment_intent": invoice.payment_intent,
        "refunded": refunded == invoice.total,
        "status": "succeeded",
    }
    return rendered | ({"invoice": invoice.id} if customer.old_shape else {})


def refund_object(customer: Customer, invoice: Invoice, refund: Refund, status: str) -> Json:
    """A refund in a status; only the newest shape names the customer."""
    rendered: Json = {
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "charge": invoice.charge,
        "created": seconds(refund.created_at),
        "currency": customer.market.currency,
        "livemode": customer.livemode,
        "metadata": {},
        "payment_intent": invoice.payment_intent,
        "reason": "requested_by_customer",
        "status": status,
    }
    if status == "failed":
        rendered["failure_reason"] = "expired_or_canceled_card"
    return rendered if customer.old_shape else rendered | {"customer": customer.id}


def credit_note_object(customer: Customer, invoice: Invoice, refund: Refund) -> Json:
    """The credit note some refunds come with: the same money told a second time."""
    rendered: Json = {
        "id": refund.credit_note,
        "object": "credit_note",
        "amount": refund.amount,
        "created": seconds(refund.created_at),
        "currency": customer.market.currency,
        "customer": customer.id,
        "invoice": invoice.id,
        "livemode": customer.livemode,
        "metadata": {},
        "out_of_band_amount": None,
        "status": "issued",
        "total": refund.amount,
    }
    if customer.old_shape:
        return rendered | {"refund": refund.id, "type": "post_payment"}
    return rendered | {
        "post_payment_amount": refund.amount,
        "pre_payment_amount": 0,
        "refunds": [{"amount_refunded": refund.amount, "refund": refund.id, "type": "refund"}],
        "type": "post_payment",
    }
