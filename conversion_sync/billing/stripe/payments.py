"""Paid invoices as payment events: first payment, renewal, expansion, reactivation, one-off.

Source: specs/billing.md §1.3 (net cash), §1.5 (classification order and line allocation), §6.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from conversion_sync.billing.stripe.catalogue import StripeCatalogue
from conversion_sync.billing.stripe.shapes import InvoiceFact, LineFact
from conversion_sync.model.money import round_half_even
from conversion_sync.model.revenue import EventKind, Expansion


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A share of an invoice's cash that is one payment event."""

    kind: EventKind
    expansion: Expansion | None
    gross: int
    net: int
    first_for_customer: bool = False
    first_for_subscription: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """A paid invoice and what it is: its cash in parts, in the order refunds are taken from."""

    invoice: InvoiceFact
    parts: tuple[Part, ...]


def cash(invoice: InvoiceFact) -> int:
    """What was paid for the invoice; an overpayment goes to the customer's balance and is not revenue."""
    return min(invoice.amount_paid, max(invoice.total, 0))


def net_of(invoice: InvoiceFact, gross: int) -> int:
    """The share of `gross` without tax, ties to even."""
    if invoice.total <= 0:
        return 0
    return round_half_even(Fraction(gross * invoice.net_total, invoice.total))


def classify(
    invoices: Sequence[InvoiceFact], ended: Mapping[str, datetime], facts: StripeCatalogue
) -> Iterator[Classified]:
    """Invoices with cash, in order of payment, each with its parts. `ended`: when subscriptions ended."""
    paid_before = False
    subscriptions: set[str] = set()
    for invoice in sorted(invoices, key=lambda invoice: (invoice.paid_at, invoice.id)):
        gross = cash(invoice)
        if gross <= 0:
            continue
        net = net_of(invoice, gross)
        subscription = invoice.subscription
        if subscription is None:
            whole = Part(kind=EventKind.ONE_OFF_PAYMENT, expansion=None, gross=gross, net=net)
            yield Classified(invoice=invoice, parts=(whole,))
        elif subscription not in subscriptions:
            came_back = paid_before and any(
                at <= invoice.paid_at for other, at in ended.items() if other != subscription
            )
            first = Part(
                kind=EventKind.REACTIVATION_PAYMENT if came_back else EventKind.FIRST_PAYMENT,
                expansion=None,
                gross=gross,
                net=net,
                first_for_customer=not paid_before,
                first_for_subscription=True,
            )
            yield Classified(invoice=invoice, parts=(first,))
        else:
            yield Classified(invoice=invoice, parts=_later(invoice, gross, net, facts))
        paid_before = True
        if subscription is not None:
            subscriptions.add(subscription)


def _later(invoice: InvoiceFact, gross: int, net: int, facts: StripeCatalogue) -> tuple[Part, ...]:
    if invoice.billing_reason in facts.invoice.change:
        kind = Expansion.USAGE if invoice.billing_reason == "subscription_threshold" else _what(invoice.lines)
        return (Part(kind=EventKind.EXPANSION_PAYMENT, expansion=kind, gross=gross, net=net),)
    prorated = [line for line in invoice.lines if line.proration]
    added = sum(line.net for line in prorated)
    regular = sum(line.net for line in invoice.lines if not line.proration)
    renewal = Part(kind=EventKind.RENEWAL, expansion=None, gross=gross, net=net)
    if invoice.billing_reason not in facts.invoice.cycle or added <= 0 or regular <= 0:
        return (renewal,)
    share = Fraction(added, added + regular)
    more_gross, more_net = round_half_even(gross * share), round_half_even(net * share)
    return (
        Part(kind=EventKind.RENEWAL, expansion=None, gross=gross - more_gross, net=net - more_net),
        Part(kind=EventKind.EXPANSION_PAYMENT, expansion=_what(prorated), gross=more_gross, net=more_net),
    )


def _what(lines: Sequence[LineFact]) -> Expansion:
    """More of the same price is seats; another price is an upgrade; both are mixed."""
    prices = {line.price for line in lines}
    quantities = {line.quantity for line in lines}
    if len(prices) > 1 and len(quantities) > 1:
        return Expansion.MIXED
    if len(prices) == 1 and len(quantities) > 1:
        return Expansion.SEATS
    return Expansion.UPGRADE
