"""Stripe's objects as JSON, in two shapes: before 2025-03-31 and after.

Source: specs/billing.md §1.2, §1.3. Nothing here decides anything: facts come from the business.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from conversion_sync.sandbox.business import Change, Customer, Invoice, Line, Refund

OLD_VERSION = "2024-06-20"
NEW_VERSION = "2026-10-28.endive"
LINES_EMBEDDED = 10

Json = dict[str, Any]


def seconds(moment: datetime) -> int:
    """Unix time."""
    return int(moment.timestamp())


def version_of(customer: Customer) -> str:
    """The API version this customer's events are rendered in."""
    return OLD_VERSION if customer.old_shape else NEW_VERSION


def metadata_of(customer: Customer) -> Json:
    """What the company wrote on the subscription and customer so that it finds them again."""
    match customer.known_by:
        case "user":
            return {"cs_user_id": customer.user_id}
        case "visitor":
            return {"cs_anon_id": customer.visitor_ids[0]}
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
        "email": customer.email,
        "livemode": customer.livemode,
        "metadata": metadata_of(customer),
        "name": None,
    }


def subscription_object(customer: Customer, change: Change) -> Json:
    """The subscription as it is after a change."""
    trial = customer.trial_end
    item: Json = {
        "id": f"si_{customer.number:08d}",
        "object": "subscription_item",
        "price": price_object(customer, change.price),
        "quantity": 1,
    }
    subscription: Json = {
        "id": customer.subscription,
        "object": "subscription",
        "cancel_at_period_end": False,
        "cancel_at": None,
        "created": seconds(customer.created_at),
        "currency": customer.market.currency,
        "customer": customer.id,
        "ended_at": seconds(change.at) if change.what == "deleted" else None,
        "livemode": customer.livemode,
        "metadata": metadata_of(customer),
        "pause_collection": None,
        "start_date": seconds(customer.created_at),
        "status": change.status,
        "trial_start": seconds(customer.created_at) if trial else None,
        "trial_end": seconds(trial) if trial else None,
    }
    period = {
        "current_period_start": seconds(change.at),
        "current_period_end": seconds(change.at) + 2_592_000,
    }
    if customer.old_shape:
        subscription |= period
    else:
        item |= period
        subscription["billing_mode"] = {"type": "flexible"}
    subscription["items"] = {"object": "list", "data": [item], "has_more": False}
    return subscription


def price_object(customer: Customer, price: str) -> Json:
    """A recurring price."""
    plan = int(price.rsplit("_", 1)[1])
    amount = customer.market.prices[plan] * (10 if customer.interval == "year" else 1)
    return {
        "id": price,
        "object": "price",
        "currency": customer.market.currency,
        "product": f"prod_{plan}",
        "recurring": {"interval": customer.interval, "interval_count": 1},
        "unit_amount": amount,
    }


def line_object(customer: Customer, line: Line) -> Json:
    """An invoice line. Its `amount` is before the discounts on it."""
    tax_inside = customer.market.tax.inclusive
    rendered: Json = {
        "id": line.id,
        "object": "line_item",
        "amount": line.amount,
        "currency": customer.market.currency,
        "description": line.description,
        "discount_amounts": [{"amount": line.discount, "discount": "di_1"}] if line.discount else [],
        "livemode": customer.livemode,
        "metadata": metadata_of(customer),
        "period": {"start": seconds(line.period_start), "end": seconds(line.period_end)},
        "quantity": line.quantity,
    }
    taxable = line.amount - line.discount - (line.tax if tax_inside else 0)
    if customer.old_shape:
        return rendered | {
            "type": "subscription",
            "proration": line.proration,
            "price": price_object(customer, line.price),
            "subscription": customer.subscription,
            "subscription_item": f"si_{customer.number:08d}",
            "amount_excluding_tax": taxable,
            "tax_amounts": [{"amount": line.tax, "inclusive": tax_inside, "taxable_amount": taxable}]
            if line.tax
            else [],
        }
    return rendered | {
        "subtotal": line.amount,
        "parent": {
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": line.proration,
                "proration_details": {"credited_items": None},
                "subscription": customer.subscription,
                "subscription_item": f"si_{customer.number:08d}",
            },
        },
        "pricing": {
            "type": "price_details",
            "price_details": {"price": line.price, "product": f"prod_{line.price.rsplit('_', 1)[1]}"},
            "unit_amount_decimal": str(line.amount),
        },
        "taxes": [_tax(line.tax, tax_inside, taxable)] if line.tax else [],
    }


def _tax(amount: int, inclusive: bool, taxable: int) -> Json:
    return {
        "amount": amount,
        "tax_behavior": "inclusive" if inclusive else "exclusive",
        "taxability_reason": "standard_rated",
        "taxable_amount": taxable,
        "type": "tax_rate_details",
    }


def invoice_object(customer: Customer, invoice: Invoice, *, expanded: bool = False) -> Json:
    """A paid invoice; `expanded` adds the list of its payments, which new shapes leave out otherwise."""
    inclusive = customer.market.tax.inclusive
    subtotal = sum(line.amount - line.discount for line in invoice.lines)
    lines = [line_object(customer, line) for line in invoice.lines[:LINES_EMBEDDED]]
    rendered: Json = {
        "id": invoice.id,
        "object": "invoice",
        "amount_due": invoice.total,
        "amount_paid": invoice.total,
        "amount_remaining": 0,
        "attempt_count": 1,
        "billing_reason": invoice.billing_reason,
        "collection_method": "charge_automatically",
        "created": seconds(invoice.paid_at),
        "currency": customer.market.currency,
        "customer": customer.id,
        "customer_address": {"country": customer.market.country},
        "customer_email": customer.email,
        "ending_balance": 0,
        "lines": {
            "object": "list",
            "data": lines,
            "has_more": len(invoice.lines) > LINES_EMBEDDED,
            "total_count": len(invoice.lines),
            "url": f"/v1/invoices/{invoice.id}/lines",
        },
        "livemode": customer.livemode,
        "metadata": {},
        "period_start": seconds(invoice.lines[0].period_start),
        "period_end": seconds(invoice.lines[0].period_end),
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "starting_balance": 0,
        "status": "paid",
        "status_transitions": {"finalized_at": seconds(invoice.paid_at), "paid_at": seconds(invoice.paid_at)},
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - (invoice.tax if inclusive else 0),
        "total": invoice.total,
        "total_discount_amounts": [
            {"amount": sum(line.discount for line in invoice.lines), "discount": "di_1"}
        ],
        "total_excluding_tax": invoice.net,
    }
    taxable = invoice.net
    if customer.old_shape:
        return rendered | {
            "charge": invoice.charge,
            "discount": None,
            "paid": True,
            "paid_out_of_band": False,
            "payment_intent": invoice.payment_intent,
            "subscription": customer.subscription,
            "subscription_details": {"metadata": metadata_of(customer)},
            "tax": invoice.tax,
            "total_tax_amounts": [{"amount": invoice.tax, "inclusive": inclusive, "taxable_amount": taxable}]
            if invoice.tax
            else [],
        }
    rendered |= {
        "amount_overpaid": 0,
        "parent": {
            "type": "subscription_details",
            "quote_details": None,
            "subscription_details": {
                "metadata": metadata_of(customer),
                "subscription": customer.subscription,
            },
        },
        "total_taxes": [_tax(invoice.tax, inclusive, taxable)] if invoice.tax else [],
    }
    if expanded and invoice.payment_intent:
        rendered["payments"] = {
            "object": "list",
            "data": [invoice_payment_object(customer, invoice)],
            "has_more": False,
        }
    return rendered


def invoice_payment_object(customer: Customer, invoice: Invoice) -> Json:
    """The link between an invoice and the payment that paid it."""
    return {
        "id": f"inpay_{invoice.id[3:]}",
        "object": "invoice_payment",
        "amount_paid": invoice.total,
        "amount_requested": invoice.total,
        "created": seconds(invoice.paid_at),
        "currency": customer.market.currency,
        "invoice": invoice.id,
        "is_default": True,
        "livemode": customer.livemode,
        "payment": {"type": "payment_intent", "payment_intent": invoice.payment_intent},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": seconds(invoice.paid_at)},
    }


def payment_intent_object(customer: Customer, invoice: Invoice) -> Json:
    """The payment of an invoice."""
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


def charge_object(customer: Customer, invoice: Invoice, at: datetime | None = None) -> Json:
    """The charge of a payment, with what had been refunded of it at a moment."""
    refunded = sum(
        refund.amount
        for refund in invoice.refunds
        for moment, status in refund.history
        if status == "succeeded" and (at is None or moment <= at)
    )
    rendered: Json = {
        "id": invoice.charge,
        "object": "charge",
        "amount": invoice.total,
        "amount_captured": invoice.total,
        "amount_refunded": refunded,
        "created": seconds(invoice.paid_at),
        "currency": customer.market.currency,
        "customer": customer.id,
        "livemode": customer.livemode,
        "metadata": {},
        "paid": True,
        "payment_intent": invoice.payment_intent,
        "refunded": refunded == invoice.total,
        "status": "succeeded",
    }
    return rendered | ({"invoice": invoice.id} if customer.old_shape else {})


def refund_object(customer: Customer, invoice: Invoice, refund: Refund, status: str) -> Json:
    """A refund; only the newest shape names the customer."""
    rendered: Json = {
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "charge": invoice.charge,
        "created": seconds(refund.history[0][0]),
        "currency": customer.market.currency,
        "livemode": customer.livemode,
        "metadata": {},
        "payment_intent": invoice.payment_intent,
        "reason": "requested_by_customer",
        "status": status,
    }
    return rendered if customer.old_shape else rendered | {"customer": customer.id}
