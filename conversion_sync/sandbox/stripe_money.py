"""Stripe's payments, refunds, disputes and credit notes as JSON, in two shapes.

Source: specs/billing.md §1.2, §1.4, §1.6.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from conversion_sync.sandbox.records import Customer, Dispute, Invoice, Note, OneOff, Refund
from conversion_sync.sandbox.stripe_shapes import Json, seconds

DISPUTE_FEE = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """A payment at Stripe, of an invoice or of none."""

    payment_intent: str
    charge: str
    amount: int
    at: datetime
    invoice: str | None
    refunds: tuple[Refund, ...]
    dispute: Dispute | None = None


def payments_of(customer: Customer) -> Iterator[Paid]:
    """Every payment of a customer that went through Stripe."""
    for invoice in customer.invoices:
        if (paid := payment_of(invoice)) is not None:
            yield paid
    yield from map(one_off, customer.one_offs)


def payment_of(invoice: Invoice) -> Paid | None:
    """The payment of an invoice; none where it cost nothing or was paid by other means."""
    if invoice.payment_intent is None or invoice.charge is None:
        return None
    return Paid(
        payment_intent=invoice.payment_intent,
        charge=invoice.charge,
        amount=invoice.paid,
        at=invoice.paid_at,
        invoice=invoice.id,
        refunds=invoice.refunds,
        dispute=invoice.dispute,
    )


def one_off(paid: OneOff) -> Paid:
    """A payment that no invoice asked for."""
    return Paid(
        payment_intent=paid.payment_intent,
        charge=paid.charge,
        amount=paid.amount,
        at=paid.at,
        invoice=None,
        refunds=paid.refunds,
    )


def payment_intent_object(customer: Customer, paid: Paid) -> Json:
    """A payment; only the old shape names the invoice."""
    rendered: Json = {
        "id": paid.payment_intent,
        "object": "payment_intent",
        "amount": paid.amount,
        "amount_received": paid.amount,
        "created": seconds(paid.at),
        "currency": customer.market.currency,
        "customer": customer.id,
        "latest_charge": paid.charge,
        "livemode": customer.livemode,
        "metadata": {},
        "status": "succeeded",
    }
    return rendered | ({"invoice": paid.invoice} if customer.old_shape else {})


def charge_object(customer: Customer, paid: Paid, at: datetime) -> Json:
    """The charge of a payment, with what had been refunded of it at a moment."""
    refunded = sum(
        refund.amount
        for refund in paid.refunds
        if refund.created_at <= at and refund.status_at(at) == "succeeded"
    )
    dispute = paid.dispute
    rendered: Json = {
        "id": paid.charge,
        "object": "charge",
        "amount": paid.amount,
        "amount_captured": paid.amount,
        "amount_refunded": refunded,
        "captured": True,
        "created": seconds(paid.at),
        "currency": customer.market.currency,
        "customer": customer.id,
        "disputed": dispute is not None and dispute.opened_at <= at,
        "livemode": customer.livemode,
        "metadata": {},
        "paid": True,
        "payment_intent": paid.payment_intent,
        "refunded": refunded == paid.amount,
        "status": "succeeded",
    }
    return rendered | ({"invoice": paid.invoice} if customer.old_shape else {})


def refund_object(customer: Customer, paid: Paid, refund: Refund, status: str) -> Json:
    """A refund in a status; only the newest shape names the customer."""
    rendered: Json = {
        "id": refund.id,
        "object": "refund",
        "amount": refund.amount,
        "charge": paid.charge,
        "created": seconds(refund.created_at),
        "currency": customer.market.currency,
        "livemode": customer.livemode,
        "metadata": {},
        "payment_intent": paid.payment_intent,
        "reason": "requested_by_customer",
        "status": status,
    }
    if status == "failed":
        rendered["failure_reason"] = "expired_or_canceled_card"
    return rendered if customer.old_shape else rendered | {"customer": customer.id}


def dispute_object(customer: Customer, paid: Paid, dispute: Dispute, at: datetime) -> Json:
    """A dispute at a moment; an inquiry moves no money."""
    is_closed = dispute.closed_at is not None and dispute.closed_at <= at
    if dispute.inquiry:
        status = "warning_closed" if is_closed else "warning_needs_response"
    else:
        status = dispute.outcome if is_closed else "needs_response"
    return {
        "id": dispute.id,
        "object": "dispute",
        "amount": dispute.amount,
        "balance_transactions": list(_balance_transactions(customer, dispute, at)),
        "charge": paid.charge,
        "created": seconds(dispute.opened_at),
        "currency": customer.market.currency,
        "is_charge_refundable": dispute.inquiry,
        "livemode": customer.livemode,
        "metadata": {},
        "payment_intent": paid.payment_intent,
        "reason": "fraudulent",
        "status": status,
    }


def _balance_transactions(customer: Customer, dispute: Dispute, at: datetime) -> Iterator[Json]:
    """Zero, one or two: what was withdrawn, and what was reinstated."""
    if dispute.inquiry:
        return
    moved = [("withdrawn", dispute.opened_at, -dispute.amount)]
    if dispute.is_won and dispute.closed_at is not None:
        moved.append(("reinstated", dispute.closed_at, dispute.amount))
    for what, moment, amount in moved:
        if moment <= at:
            fee = DISPUTE_FEE if amount < 0 else 0
            yield {
                "id": f"txn_{dispute.id}_{what}",
                "object": "balance_transaction",
                "amount": amount,
                "created": seconds(moment),
                "currency": customer.market.currency,
                "fee": fee,
                "net": amount - fee,
                "reporting_category": "dispute" if amount < 0 else "dispute_reversal",
                "source": dispute.id,
                "type": "adjustment",
            }


def refunded_note_object(customer: Customer, invoice: Invoice, refund: Refund) -> Json:
    """The credit note some refunds come with: the same money told a second time."""
    name, amount = str(refund.credit_note), refund.amount
    rendered = _note(customer, invoice, name, amount, refund.created_at)
    if customer.old_shape:
        return rendered | {"refund": refund.id, "type": "post_payment"}
    return rendered | {
        "post_payment_amount": amount,
        "pre_payment_amount": 0,
        "refunds": [{"amount_refunded": amount, "refund": refund.id, "type": "refund"}],
        "type": "post_payment",
    }


def note_object(customer: Customer, invoice: Invoice, note: Note) -> Json:
    """A credit note that no refund comes with."""
    before = note.way == "before_payment"
    rendered = _note(customer, invoice, note.id, note.amount, note.at) | {
        "type": "pre_payment" if before else "post_payment"
    }
    if note.way == "out_of_band":
        rendered["out_of_band_amount"] = note.amount
    if note.way == "balance":
        rendered["customer_balance_transaction"] = f"cbtxn_{note.id}"
    if customer.old_shape:
        return rendered | {"refund": None}
    return rendered | {
        "post_payment_amount": 0 if before else note.amount,
        "pre_payment_amount": note.amount if before else 0,
        "refunds": [],
    }


def _note(customer: Customer, invoice: Invoice, name: str, amount: int, at: datetime) -> Json:
    return {
        "id": name,
        "object": "credit_note",
        "amount": amount,
        "created": seconds(at),
        "currency": customer.market.currency,
        "customer": customer.id,
        "customer_balance_transaction": None,
        "invoice": invoice.id,
        "livemode": customer.livemode,
        "metadata": {},
        "out_of_band_amount": None,
        "status": "issued",
        "total": amount,
        "voided_at": None,
    }
