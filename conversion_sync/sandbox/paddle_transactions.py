"""An invoice of the business as Paddle's transaction, at any moment of its life.

Checkout: ready, paid, completed; a renewal: billed, past due perhaps, paid, completed. What costs nothing is
completed at once. Source: specs/billing.md §3.2, §3.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from conversion_sync.sandbox.paddle_ids import name, price_name, stamp
from conversion_sync.sandbox.paddle_shapes import (
    Json,
    currency,
    custom_data,
    customer_id,
    line_id,
    price_object,
    product_object,
    subscription_id,
    transaction_id,
)
from conversion_sync.sandbox.plans import part
from conversion_sync.sandbox.records import Customer, Invoice, Line

PAID = timedelta(milliseconds=120)
SUBSCRIBED = timedelta(milliseconds=350)
COMPLETED = timedelta(milliseconds=610)
"""After the money was captured: paid, the subscription made, completed."""
REVISED = timedelta(hours=30)
"""After completion some customers correct their tax details."""
CARD = {"type": "visa", "last4": "4242", "expiry_month": 1, "expiry_year": 2030, "cardholder_name": ""}
ORIGINS = {
    "subscription_create": "web",
    "subscription_cycle": "subscription_recurring",
    "subscription_update": "subscription_update",
    "one_off": "api",
}


def revised_at(customer: Customer, invoice: Invoice) -> datetime | None:
    """When the customer corrected the address on it; nothing moves but that."""
    if customer.number % 9 == 4 and invoice is customer.invoices[0]:
        return invoice.paid_at + REVISED
    return None


def status_at(invoice: Invoice, at: datetime) -> str:
    """How far the transaction is."""
    if at >= invoice.paid_at + COMPLETED or not invoice.total:
        return "completed"
    if at >= invoice.paid_at + PAID:
        return "paid"
    if invoice.lost_at is not None and at >= invoice.lost_at:
        return "canceled"
    if any(failed <= at for failed in invoice.failed_at):
        return "past_due"
    return "ready" if invoice.billing_reason == "subscription_create" else "billed"


def updated_at(customer: Customer, invoice: Invoice, at: datetime) -> datetime:
    """When the transaction changed last, as seen at a moment."""
    revised = revised_at(customer, invoice)
    steps = [invoice.created_at, *invoice.failed_at]
    if invoice.lost_at is not None:
        steps.append(invoice.lost_at)
    if invoice.total:
        steps += [invoice.paid_at + PAID, invoice.paid_at + COMPLETED]
    if revised is not None:
        steps.append(revised)
    return max(step for step in steps if step <= at)


def transaction_object(customer: Customer, invoice: Invoice, at: datetime) -> Json:
    """The transaction as it is at a moment not before its creation."""
    status, revised = status_at(invoice, at), revised_at(customer, invoice)
    first = invoice.billing_reason == "subscription_create"
    billed = None if status == "ready" else (invoice.paid_at if first else invoice.created_at)
    start, end = invoice.lines[-1].period_start, invoice.lines[-1].period_end
    done, bought = status == "completed", invoice.subscription
    return {
        "id": transaction_id(invoice),
        "status": status,
        "customer_id": customer_id(customer),
        "address_id": name("add", customer.created_at, customer.id),
        "business_id": None,
        "custom_data": custom_data(customer, 0 if first else -1),
        "currency_code": currency(customer),
        "origin": ORIGINS[invoice.billing_reason],
        "subscription_id": subscription_id(customer, bought) if bought and (done or not first) else None,
        "invoice_id": name("inv", invoice.created_at, invoice.id) if done else None,
        "invoice_number": f"8402-{invoice.id[3:]}" if done else None,
        "collection_mode": "automatic",
        "discount_id": name("dsc", customer.created_at, "coupon") if _discount(invoice) else None,
        "billing_details": None,
        "billing_period": {"starts_at": stamp(start), "ends_at": stamp(end)},
        "items": [_item(customer, line) for line in invoice.lines],
        "details": {
            "tax_rates_used": [],
            "totals": _totals(customer, invoice, paid=status in {"paid", "completed"}),
            "adjusted_totals": _totals(customer, invoice, paid=done) | {"retained_fee": "0"},
            "payout_totals": None,
            "adjusted_payout_totals": None,
            "line_items": [_line_item(customer, invoice, line) for line in invoice.lines],
        },
        "payments": _payments(invoice, at),
        "checkout": {"url": "https://shop.example/pay"} if first else None,
        "receipt_data": None,
        "created_at": stamp(invoice.created_at),
        "updated_at": stamp(updated_at(customer, invoice, at)),
        "billed_at": None if billed is None else stamp(billed),
        "revised_at": None if revised is None or revised > at else stamp(revised),
    }


def _discount(invoice: Invoice) -> int:
    return sum(line.discount for line in invoice.lines)


def _item(customer: Customer, line: Line) -> Json:
    item: Json = {"price": price_object(customer, line.price), "quantity": _quantity(line)}
    return item | {"proration": _proration(line)}


def _quantity(line: Line) -> int:
    """What is given back counts down."""
    return -line.quantity if line.amount < 0 else line.quantity


def _proration(line: Line) -> Json | None:
    if not line.proration:
        return None
    period = {"starts_at": stamp(line.period_start), "ends_at": stamp(line.period_end)}
    return {"rate": "0.5", "billing_period": period}


def _amounts(customer: Customer, line: Line) -> dict[str, int]:
    inside = line.tax if customer.market.tax.inclusive else 0
    total = line.amount - line.discount - inside + line.tax
    return {
        "subtotal": total - line.tax + line.discount,
        "discount": line.discount,
        "tax": line.tax,
        "total": total,
    }


def _line_item(customer: Customer, invoice: Invoice, line: Line) -> Json:
    totals = {key: str(value) for key, value in _amounts(customer, line).items()}
    tax = customer.market.tax.percent
    return {
        "id": line_id(invoice, line.id),
        "price_id": price_name(line.price),
        "quantity": _quantity(line),
        "totals": totals,
        "product": product_object(line.price),
        "tax_rate": f"{tax / 100:g}",
        "unit_totals": totals,
        "proration": _proration(line),
    }


def _totals(customer: Customer, invoice: Invoice, *, paid: bool) -> Json:
    sums = {"subtotal": 0, "discount": 0, "tax": 0, "total": 0}
    for line in invoice.lines:
        for key, value in _amounts(customer, line).items():
            sums[key] += value
    fee, whole = invoice.total // 20, sums["total"]
    grand = max(whole - invoice.credit, 0)
    amounts: dict[str, int | None] = {
        **sums,
        "credit": invoice.credit,
        "credit_to_balance": max(-sums["total"], 0),
        "balance": 0 if paid else grand,
        "grand_total": grand,
        "grand_total_tax": grand - part(grand, whole - sums["tax"], whole) if grand else 0,
        "fee": fee if paid else None,
        "earnings": sums["total"] - sums["tax"] - fee if paid else None,
    }
    told = {key: None if value is None else str(value) for key, value in amounts.items()}
    return told | {"currency_code": currency(customer)}


def _payments(invoice: Invoice, at: datetime) -> list[Json]:
    """Attempts so far, newest first."""
    if not invoice.total:
        return []
    tries = [_attempt(invoice, failed, taken=False) for failed in invoice.failed_at if failed <= at]
    if at >= invoice.paid_at:
        tries.append(_attempt(invoice, invoice.paid_at, taken=True))
    return tries[::-1]


def _attempt(invoice: Invoice, at: datetime, *, taken: bool) -> Json:
    return {
        "payment_attempt_id": name("pat", at, f"{invoice.id}{taken}"),
        "stored_payment_method_id": name("spm", at, invoice.id),
        "payment_method_id": name("paymtd", at, invoice.id),
        "amount": str(invoice.paid),
        "status": "captured" if taken else "error",
        "error_code": None if taken else "declined",
        "method_details": {"type": "offline"} if invoice.off_provider else {"type": "card", "card": CARD},
        "created_at": stamp(at),
        "captured_at": stamp(at) if taken else None,
    }


def bills_of(customer: Customer) -> Iterator[Invoice]:
    """Everything the customer was asked for: what was paid, never paid, and bought once."""
    yield from customer.invoices
    yield from customer.lost
    for place, paid in enumerate(customer.one_offs):
        line = Line(
            id=f"il_{paid.charge}",
            description="Add-on",
            amount=paid.amount,
            discount=0,
            tax=0,
            price=f"{customer.changes[0].now.price.rsplit('_', 1)[0]}_addon",
            proration=False,
            period_start=paid.at,
            period_end=paid.at,
        )
        yield Invoice(
            id=f"in_{customer.number:08d}_one_off_{place}",
            subscription=None,
            payment_intent=paid.payment_intent,
            charge=paid.charge,
            created_at=paid.at,
            failed_at=(),
            paid_at=paid.at,
            billing_reason="one_off",
            lines=(line,),
            total=paid.amount,
            tax=0,
            kind="one_off_payment",
            refunds=paid.refunds,
        )
