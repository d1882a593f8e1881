"""Paid invoices as payment events: first payment, renewal, expansion, reactivation, one-off.

Source: specs/billing.md §1.3 (net cash), §1.5 (classification order and line allocation), §6.3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
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
    line: LineFact | None
    """The line that says what was bought: the largest of those the part pays for."""
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
    invoices: Sequence[InvoiceFact],
    parked: Set[str],
    ended: Mapping[str, datetime],
    facts: StripeCatalogue,
) -> Iterator[Classified]:
    """Invoices with cash, in order of payment, each with its parts. `ended`: when subscriptions ended.

    The `parked` ones are left out but were paid: what follows them is no first payment.
    """
    paid_before = False
    subscriptions: set[str] = set()
    for invoice in sorted(invoices, key=lambda invoice: (invoice.paid_at, invoice.id)):
        gross = cash(invoice)
        if gross <= 0:
            continue
        net = net_of(invoice, gross)
        subscription = invoice.subscription
        if subscription is None:
            parts: tuple[Part, ...] = (
                Part(
                    kind=EventKind.ONE_OFF_PAYMENT,
                    expansion=None,
                    gross=gross,
                    net=net,
                    line=_main(invoice.lines),
                    first_for_customer=not paid_before,
                ),
            )
        elif subscription not in subscriptions:
            came_back = paid_before and any(
                at <= invoice.paid_at for other, at in ended.items() if other != subscription
            )
            first = Part(
                kind=EventKind.REACTIVATION_PAYMENT if came_back else EventKind.FIRST_PAYMENT,
                expansion=None,
                gross=gross,
                net=net,
                line=_main(invoice.lines),
                first_for_customer=not paid_before,
                first_for_subscription=True,
            )
            parts = (first,)
        else:
            parts = _later(invoice, gross, net, facts)
        if invoice.id not in parked:
            yield Classified(invoice=invoice, parts=parts)
        paid_before = True
        if subscription is not None:
            subscriptions.add(subscription)


def _later(invoice: InvoiceFact, gross: int, net: int, facts: StripeCatalogue) -> tuple[Part, ...]:
    if invoice.billing_reason in facts.invoice.change:
        kind = Expansion.USAGE if invoice.billing_reason == "subscription_threshold" else _what(invoice.lines)
        return (_expansion(kind, gross, net, invoice.lines),)
    prorated = [line for line in invoice.lines if line.proration]
    regular = [line for line in invoice.lines if not line.proration]
    added, usual = sum(line.net for line in prorated), sum(line.net for line in regular)
    if invoice.billing_reason not in facts.invoice.cycle or added <= 0:
        return (_renewal(gross, net, regular or invoice.lines),)
    share = Fraction(added, added + max(usual, 0))
    more_gross, more_net = round_half_even(gross * share), round_half_even(net * share)
    both = (
        _renewal(gross - more_gross, net - more_net, regular),
        _expansion(_what(prorated), more_gross, more_net, prorated),
    )
    return tuple(part for part in both if part.gross > 0)


def _renewal(gross: int, net: int, lines: Sequence[LineFact]) -> Part:
    return Part(kind=EventKind.RENEWAL, expansion=None, gross=gross, net=net, line=_main(lines))


def _expansion(what: Expansion, gross: int, net: int, lines: Sequence[LineFact]) -> Part:
    return Part(kind=EventKind.EXPANSION_PAYMENT, expansion=what, gross=gross, net=net, line=_main(lines))


def _main(lines: Sequence[LineFact]) -> LineFact | None:
    return max(lines, key=lambda line: line.net, default=None)


def spread(amount: int | None, parts: Sequence[Part]) -> Iterator[int | None]:
    """An amount of the whole invoice on its parts, in proportion to their cash; the shares add up to it."""
    whole, so_far, given = sum(part.gross for part in parts), 0, 0
    for part in parts:
        if amount is None:
            yield None
            continue
        so_far += part.gross
        until = round_half_even(Fraction(amount * so_far, whole))
        yield until - given
        given = until


def _what(lines: Sequence[LineFact]) -> Expansion:
    """More of the same price is seats; another price is an upgrade; both are mixed."""
    prices = {line.price for line in lines}
    quantities = {line.quantity for line in lines}
    if len(prices) > 1 and len(quantities) > 1:
        return Expansion.MIXED
    if len(prices) == 1 and len(quantities) > 1:
        return Expansion.SEATS
    return Expansion.UPGRADE
