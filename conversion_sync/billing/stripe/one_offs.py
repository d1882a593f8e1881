"""Payments that no invoice asked for.

A PaymentIntent does not say whether an invoice did (since 2025-03-31): its InvoicePayment does, which comes
with the same pull. Source: specs/billing.md §1.2, §1.4, §6.3 (one_off_payment).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from conversion_sync.billing.facts import Payment
from conversion_sync.billing.naming import click_ids
from conversion_sync.billing.stripe.catalogue import StripeCatalogue
from conversion_sync.billing.stripe.currencies import currency_of, wrong_currency
from conversion_sync.billing.stripe.seen import Seen, id_of, reference, time_of, whole, words
from conversion_sync.billing.stripe.shapes import references

DONE = "succeeded"
"""The status of a payment that was made; all others may become one."""
NEAR = timedelta(minutes=10)
"""A payment of the very amount of an invoice, so near to it, is its: its InvoicePayment may be missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaidFact:
    """A payment that succeeded."""

    seen: Seen
    id: str
    invoice: str | None
    amount: int
    currency: str
    at: datetime
    metadata: Mapping[str, str]


def paid_fact(seen: Seen) -> PaidFact:
    """A payment that is `DONE`: when its event says, or when its charge was made."""
    payment = seen.thing
    at = seen.at
    if seen.listed:
        charge = payment.get("latest_charge")
        at = time_of((charge if isinstance(charge, Mapping) else payment)["created"])
    received = payment.get("amount_received")
    return PaidFact(
        seen=seen,
        id=id_of(payment),
        invoice=references(payment).invoice or reference(payment.get("invoice")),
        amount=whole(payment["amount"] if received is None else received),
        currency=currency_of(payment),
        at=at,
        metadata=words(payment.get("metadata")),
    )


def one_offs(
    paid: Mapping[str, PaidFact],
    invoice_of_payment: Mapping[str, str],
    tax_of_payment: Mapping[str, int],
    bills: Sequence[Payment],
    catalogue: StripeCatalogue,
) -> Iterator[Payment]:
    """The payments that are no invoice's. `bills` are the paid invoices."""
    alone = [bill for bill in bills if bill.payment is None and not bill.off_provider]
    for fact in sorted(paid.values(), key=lambda fact: (fact.at, fact.id)):
        if fact.invoice or fact.id in invoice_of_payment:
            continue
        its = next((bill for bill in alone if _is_its(bill, fact)), None)
        if its is not None:
            alone.remove(its)
            continue
        tax = min(tax_of_payment.get(fact.id, 0), fact.amount)
        yield Payment(
            source=fact.seen.source("payment_intent"),
            subscription=None,
            invoice=None,
            payment=fact.id,
            currency=fact.currency,
            exponent=catalogue.exponents.of(fact.currency),
            paid_at=fact.at,
            gross=fact.amount,
            net=fact.amount - tax,
            click_ids=click_ids(fact.metadata),
            wrong=wrong_currency(fact.currency)
            or (("negative_amount", str(fact.amount)) if fact.amount < 0 else None),
        )


def _is_its(bill: Payment, fact: PaidFact) -> bool:
    return (bill.gross, bill.currency) == (fact.amount, fact.currency) and abs(bill.paid_at - fact.at) <= NEAR
