"""Invoices as payments: the cash, and what of it is not tax; what became of those that nobody paid.

Source: specs/billing.md §1.3 (net cash), §1.5 (why an invoice was made), §6.4 rows 33-39.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from fractions import Fraction

from conversion_sync.billing.facts import Cause, Failure, Movement, Payment, Way
from conversion_sync.billing.naming import click_ids
from conversion_sync.billing.stripe.catalogue import StripeCatalogue
from conversion_sync.billing.stripe.currencies import wrong_currency
from conversion_sync.billing.stripe.seen import word
from conversion_sync.billing.stripe.shapes import InvoiceFact, InvoicePayment
from conversion_sync.billing.stripe.subscriptions import Trial, covers
from conversion_sync.model.money import round_half_even

PAID, LOST = "paid", "uncollectible"


def cash(invoice: InvoiceFact) -> int:
    """What was paid for the invoice; an overpayment goes to the customer's balance and is not revenue."""
    return min(invoice.amount_paid, max(invoice.total, 0))


def net_of(invoice: InvoiceFact, gross: int) -> int:
    """The share of `gross` without tax, ties to even."""
    if invoice.total <= 0:
        return 0
    return round_half_even(Fraction(gross * invoice.net_total, invoice.total))


def payment_of(
    states: Sequence[InvoiceFact],
    parts: Sequence[InvoicePayment],
    trials: Mapping[str, Sequence[Trial]],
    catalogue: StripeCatalogue,
) -> Payment | None:
    """What was paid for an invoice; None while nobody did. `states` are in order of time.

    One that was given up counts with the part that was paid. What nobody would guess about says why.
    """
    paid = next((state for state in states if state.paid_at is not None), None)
    lost = next((state for state in reversed(states) if state.status == LOST), None)
    if paid is not None and paid.paid_at is not None:
        fact, at = paid, paid.paid_at
    elif lost is not None and lost.amount_paid > 0:
        times = [part.paid_at for part in parts if part.paid_at is not None]
        fact, at = lost, max(times, default=lost.lost_at or lost.seen.at)
    else:
        return None
    gross, off = cash(fact), fact.off_provider
    if off is None and any(part.off_provider for part in parts):
        off = sum(part.amount_paid for part in parts if part.off_provider)
    referred = sorted(part.payment for part in parts if part.payment)
    return Payment(
        source=fact.seen.source("invoice"),
        subscription=fact.subscription,
        invoice=fact.id,
        payment=fact.payment or next(iter(referred), None),
        currency=fact.currency,
        exponent=catalogue.exponents.of(fact.currency),
        paid_at=at,
        cause=_cause(fact.billing_reason, catalogue),
        gross=gross,
        net=net_of(fact, gross),
        is_free=fact.total == fact.amount_paid == 0,
        is_trial=covers(trials.get(fact.subscription or "", ()), at) and not _is_cycle(fact, catalogue),
        discount=fact.discount,
        credit_applied=fact.credit_applied,
        off_provider=off,
        country=fact.country,
        lines=fact.lines,
        click_ids=click_ids(fact.metadata),
        wrong=_wrong(fact, catalogue),
    )


def reopened(states: Sequence[InvoiceFact]) -> Iterator[Movement]:
    """What is not paid any more of an invoice that was, and what is paid of it again. Source: §6.4 row 36."""
    held: int | None = None
    for state in sorted(states, key=lambda state: (state.seen.at, state.status == PAID, state.seen.record)):
        if held is None:
            held = cash(state) if state.paid_at is not None else None
            latest = state.seen.at
            continue
        now = cash(state)
        if state.seen.at > latest and now != held and (state.status == PAID) == (now > held):
            yield Movement(
                source=state.seen.source("invoice"),
                way=Way.DETACHED,
                number=int(state.seen.at.timestamp()),
                invoice=state.id,
                amount=held - now,
                currency=state.currency,
                at=state.seen.at,
                precision=state.seen.precision,
            )
            held, latest = now, state.seen.at


def failures_of(states: Sequence[InvoiceFact], catalogue: StripeCatalogue) -> Iterator[Failure]:
    """Attempts to collect an invoice that did not work, and the end of trying."""
    failed = next((state for state in states if state.seen.kind == "invoice.payment_failed"), None)
    if failed is not None:
        yield _failure(failed, failed.seen.at, catalogue)
    if any(state.paid_at is not None for state in states):
        return
    lost = next((state for state in states if state.status == LOST), None)
    if lost is not None:
        yield _failure(lost, lost.lost_at or lost.seen.at, catalogue, uncollectible=True)


def _failure(
    state: InvoiceFact, at: datetime, catalogue: StripeCatalogue, *, uncollectible: bool = False
) -> Failure:
    return Failure(
        source=state.seen.source("invoice"),
        subscription=state.subscription,
        invoice=state.id,
        currency=state.currency,
        exponent=catalogue.exponents.of(state.currency),
        at=at,
        uncollectible=uncollectible,
    )


def _is_cycle(fact: InvoiceFact, catalogue: StripeCatalogue) -> bool:
    return fact.billing_reason in catalogue.invoice.cycle


def _cause(reason: str, catalogue: StripeCatalogue) -> Cause:
    if reason in catalogue.invoice.usage:
        return Cause.USAGE
    if reason in catalogue.invoice.change:
        return Cause.CHANGE
    return Cause.CYCLE if reason in catalogue.invoice.cycle else Cause.OTHER


def _wrong(invoice: InvoiceFact, catalogue: StripeCatalogue) -> tuple[str, str] | None:
    if wrong := wrong_currency(invoice.currency):
        return wrong
    if invoice.amount_paid < 0:
        return "negative_amount", str(invoice.amount_paid)
    if not catalogue.invoice.knows(invoice.billing_reason):
        return "unknown_billing_reason", word(invoice.billing_reason)
    return None
