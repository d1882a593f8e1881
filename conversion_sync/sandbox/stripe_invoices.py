"""Stripe's invoices, their lines and their payments as JSON, in two shapes.

Source: specs/billing.md §1.2 (what moved where on 2025-03-31), §1.3 (what each amount means).
"""

from __future__ import annotations

from datetime import datetime

from conversion_sync.sandbox.records import Customer, Invoice, Line
from conversion_sync.sandbox.stripe_shapes import (
    Json,
    item_id,
    price_object,
    product_of,
    seconds,
    subscription_metadata,
)

LINES_EMBEDDED = 10


def invoice_status(invoice: Invoice, at: datetime) -> str:
    """Draft until the first attempt to collect it, open until it is paid or given up."""
    if at >= invoice.paid_at:
        return "paid"
    if invoice.lost_at is not None and at >= invoice.lost_at:
        return "uncollectible"
    return "open" if invoice.failed_at and at >= invoice.failed_at[0] else "draft"


def invoice_object(
    customer: Customer, invoice: Invoice, at: datetime, *, status: str | None = None, expanded: bool = False
) -> Json:
    """The invoice at a moment; `status` where the moment's second holds several.

    `expanded` adds the list of its payments, which the new shape leaves out otherwise.
    """
    status = status or invoice_status(invoice, at)
    rendered = _facts(customer, invoice, status) | _amounts(customer, invoice, at, status)
    shaped = _old(customer, invoice, status) if customer.old_shape else _new(customer, invoice)
    if expanded:
        payments = [invoice_payment_object(customer, invoice)] if invoice.total and status == "paid" else []
        shaped["payments"] = {"object": "list", "data": payments, "has_more": False}
    return rendered | shaped


def _facts(customer: Customer, invoice: Invoice, status: str) -> Json:
    finalized = min((*invoice.failed_at, invoice.paid_at))
    return {
        "id": invoice.id,
        "object": "invoice",
        "attempt_count": len(invoice.failed_at) + (status == "paid"),
        "attempted": status != "draft",
        "billing_reason": invoice.billing_reason,
        "collection_method": "charge_automatically",
        "created": seconds(invoice.created_at),
        "currency": customer.market.currency,
        "customer": customer.id,
        "customer_address": {"country": customer.market.country},
        "customer_email": customer.email,
        "lines": {
            "object": "list",
            "data": [line_object(customer, invoice, line) for line in invoice.lines[:LINES_EMBEDDED]],
            "has_more": len(invoice.lines) > LINES_EMBEDDED,
            "total_count": len(invoice.lines),
            "url": f"/v1/invoices/{invoice.id}/lines",
        },
        "livemode": customer.livemode,
        "metadata": {},
        "period_start": seconds(invoice.lines[0].period_start),
        "period_end": seconds(invoice.lines[0].period_end),
        "status": status,
        "status_transitions": {
            "finalized_at": None if status == "draft" else seconds(finalized),
            "marked_uncollectible_at": _moment(invoice.lost_at, status == "uncollectible"),
            "paid_at": _moment(invoice.paid_at, status == "paid"),
            "voided_at": None,
        },
    }


def _moment(at: datetime | None, came: bool) -> int | None:
    return seconds(at) if came and at is not None else None


def _amounts(customer: Customer, invoice: Invoice, at: datetime, status: str) -> Json:
    paid = invoice.paid if status == "paid" else 0
    before = sum(note.amount for note in invoice.notes if note.way == "before_payment" and note.at <= at)
    due = invoice.total - invoice.credit - before
    subtotal = sum(line.amount - line.discount for line in invoice.lines)
    discount = sum(line.discount for line in invoice.lines)
    credited = sum(
        refund.amount for refund in invoice.refunds if refund.credit_note and refund.created_at <= at
    )
    credited += sum(note.amount for note in invoice.notes if note.way != "before_payment" and note.at <= at)
    inside = invoice.tax if customer.market.tax.inclusive else 0
    return {
        "amount_due": due,
        "amount_paid": paid,
        "amount_remaining": due - paid,
        "ending_balance": None if status == "draft" else 0,
        "post_payment_credit_notes_amount": credited,
        "pre_payment_credit_notes_amount": before,
        "starting_balance": -invoice.credit,
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - inside,
        "total": invoice.total,
        "total_discount_amounts": _discounts(discount),
        "total_excluding_tax": invoice.net,
    }


def _discounts(amount: int) -> list[Json]:
    return [{"amount": amount, "discount": "di_launch"}] if amount else []


def _old(customer: Customer, invoice: Invoice, status: str) -> Json:
    inclusive, paid = customer.market.tax.inclusive, status == "paid"
    taxes = [{"amount": invoice.tax, "inclusive": inclusive, "taxable_amount": invoice.net}]
    return {
        "charge": invoice.charge if paid else None,
        "discount": None,
        "paid": paid,
        "paid_out_of_band": paid and invoice.off_provider,
        "payment_intent": invoice.payment_intent,
        "subscription": invoice.subscription,
        "subscription_details": {"metadata": subscription_metadata(customer)},
        "tax": invoice.tax,
        "total_tax_amounts": taxes if invoice.tax else [],
    }


def _new(customer: Customer, invoice: Invoice) -> Json:
    inclusive = customer.market.tax.inclusive
    return {
        "amount_overpaid": 0,
        "discounts": [],
        "parent": {
            "type": "subscription_details",
            "quote_details": None,
            "subscription_details": {
                "metadata": subscription_metadata(customer),
                "subscription": invoice.subscription,
            },
        },
        "total_taxes": [_tax(invoice.tax, invoice.net, inclusive=inclusive)] if invoice.tax else [],
    }


def _tax(amount: int, taxable: int, *, inclusive: bool) -> Json:
    return {
        "amount": amount,
        "tax_behavior": "inclusive" if inclusive else "exclusive",
        "taxability_reason": "standard_rated",
        "taxable_amount": taxable,
        "type": "tax_rate_details",
    }


def line_object(customer: Customer, invoice: Invoice, line: Line) -> Json:
    """An invoice line. Its `amount` is before the discounts on it."""
    inclusive = customer.market.tax.inclusive
    taxable = line.amount - line.discount - (line.tax if inclusive else 0)
    rendered: Json = {
        "id": line.id,
        "object": "line_item",
        "amount": line.amount,
        "currency": customer.market.currency,
        "description": line.description,
        "discount_amounts": _discounts(line.discount),
        "discountable": not line.proration,
        "livemode": customer.livemode,
        "metadata": subscription_metadata(customer),
        "period": {"start": seconds(line.period_start), "end": seconds(line.period_end)},
        "quantity": line.quantity,
    }
    subscription = str(invoice.subscription)
    shaped = _old_line(customer, subscription, line) if customer.old_shape else _new_line(subscription, line)
    if customer.old_shape:
        taxes = [{"amount": line.tax, "inclusive": inclusive, "taxable_amount": taxable}]
        shaped |= {"amount_excluding_tax": taxable, "tax_amounts": taxes if line.tax else []}
    else:
        shaped["taxes"] = [_tax(line.tax, taxable, inclusive=inclusive)] if line.tax else []
    return rendered | shaped


def _old_line(customer: Customer, subscription: str, line: Line) -> Json:
    return {
        "price": price_object(customer, line.price),
        "proration": line.proration,
        "proration_details": {"credited_items": _credited(line)},
        "subscription": subscription,
        "subscription_item": item_id(subscription),
        "type": "subscription",
    }


def _new_line(subscription: str, line: Line) -> Json:
    return {
        "parent": {
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": {
                "invoice_item": None,
                "proration": line.proration,
                "proration_details": {"credited_items": _credited(line)},
                "subscription": subscription,
                "subscription_item": item_id(subscription),
            },
        },
        "pricing": {
            "type": "price_details",
            "price_details": {"price": line.price, "product": product_of(line.price)},
            "unit_amount_decimal": str(line.amount),
        },
        "subtotal": line.amount,
    }


def _credited(line: Line) -> Json | None:
    if line.credits is None:
        return None
    invoice, credited = line.credits
    return {"invoice": invoice, "invoice_line_items": [credited]}


def upcoming_invoice_object(customer: Customer, at: datetime, price: str) -> Json:
    """A preview of the next invoice: it has no id."""
    return {
        "object": "invoice",
        "billing_reason": "upcoming",
        "created": seconds(at),
        "currency": customer.market.currency,
        "customer": customer.id,
        "lines": {"object": "list", "data": [], "has_more": False, "total_count": 0},
        "livemode": customer.livemode,
        "metadata": {"price": price},
        "status": "draft",
    }


def invoice_payment_object(customer: Customer, invoice: Invoice) -> Json:
    """The link between an invoice and the payment that paid it, if that was at Stripe."""
    payment: Json = {"type": "payment_intent", "payment_intent": invoice.payment_intent}
    if invoice.off_provider:
        payment = {"type": "payment_record", "payment_record": f"pyr_{invoice.id[3:]}"}
    return {
        "id": f"inpay_{invoice.id[3:]}",
        "object": "invoice_payment",
        "amount_paid": invoice.paid,
        "amount_requested": invoice.paid,
        "created": seconds(invoice.paid_at),
        "currency": customer.market.currency,
        "invoice": invoice.id,
        "is_default": True,
        "livemode": customer.livemode,
        "payment": payment,
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": seconds(invoice.paid_at)},
    }
