"""Paid invoices as payments: the cash, and what of it is not tax.

Source: specs/billing.md §1.3 (net cash), §1.5 (why an invoice was made).
"""

from __future__ import annotations

import re
from fractions import Fraction

from conversion_sync.billing.facts import Cause, Payment, Source
from conversion_sync.billing.naming import click_ids
from conversion_sync.billing.stripe.catalogue import StripeCatalogue
from conversion_sync.billing.stripe.shapes import InvoiceFact
from conversion_sync.model.money import round_half_even

CURRENCY = re.compile(r"[A-Z]{3}")


def cash(invoice: InvoiceFact) -> int:
    """What was paid for the invoice; an overpayment goes to the customer's balance and is not revenue."""
    return min(invoice.amount_paid, max(invoice.total, 0))


def net_of(invoice: InvoiceFact, gross: int) -> int:
    """The share of `gross` without tax, ties to even."""
    if invoice.total <= 0:
        return 0
    return round_half_even(Fraction(gross * invoice.net_total, invoice.total))


def payment_of(invoice: InvoiceFact, catalogue: StripeCatalogue) -> Payment:
    """A paid invoice; one that nobody would guess about says what is wrong with it."""
    gross = cash(invoice)
    return Payment(
        source=Source(
            object_type="invoice",
            object_id=invoice.id,
            record=invoice.event_id,
            api_version=invoice.api_version,
            livemode=invoice.livemode,
        ),
        subscription=invoice.subscription,
        invoice=invoice.id,
        payment=invoice.payment,
        currency=invoice.currency,
        exponent=catalogue.exponents.of(invoice.currency),
        paid_at=invoice.paid_at,
        cause=_cause(invoice.billing_reason, catalogue),
        gross=gross,
        net=net_of(invoice, gross),
        is_free=invoice.total == invoice.amount_paid == 0,
        discount=invoice.discount,
        credit_applied=invoice.credit_applied,
        off_provider=invoice.off_provider,
        country=invoice.country,
        lines=invoice.lines,
        click_ids=click_ids(invoice.metadata),
        wrong=_wrong(invoice, catalogue),
    )


def _cause(reason: str, catalogue: StripeCatalogue) -> Cause:
    if reason in catalogue.invoice.usage:
        return Cause.USAGE
    if reason in catalogue.invoice.change:
        return Cause.CHANGE
    return Cause.CYCLE if reason in catalogue.invoice.cycle else Cause.OTHER


def _wrong(invoice: InvoiceFact, catalogue: StripeCatalogue) -> tuple[str, str] | None:
    if not CURRENCY.fullmatch(invoice.currency):
        return "unknown_currency", invoice.currency
    if invoice.amount_paid < 0:
        return "negative_amount", str(invoice.amount_paid)
    if not catalogue.invoice.knows(invoice.billing_reason):
        return "unknown_billing_reason", invoice.billing_reason
    return None
