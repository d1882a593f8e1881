"""Paid bills as payment events: first payment, renewal, expansion, reactivation, one-off, paid trial.

Source: specs/billing.md §1.5 (classification order and line allocation), §6.3, §6.4 rows 2-11.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from conversion_sync.billing.facts import Cause, Line, Payment
from conversion_sync.model.money import round_half_even
from conversion_sync.model.revenue import EventKind, Expansion


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A share of a bill's cash that is one payment event."""

    kind: EventKind
    expansion: Expansion | None = None
    gross: int
    net: int
    line: Line | None = None
    """The line that says what was bought: the largest of those the part pays for."""
    first_for_customer: bool = False
    first_for_subscription: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """A paid bill and what it is: its cash in parts, in the order refunds are taken from."""

    bill: Payment
    parts: tuple[Part, ...]


def classify(
    payments: Sequence[Payment], ended: Mapping[str, datetime], carried_over: Set[str] = frozenset()
) -> Iterator[Classified]:
    """Bills with cash, in order of payment, each with its parts. `ended`: when subscriptions ended;
    `carried_over`: those that were paid for elsewhere before.

    The wrong ones are left out but were paid: what follows them is no first payment. A paid trial is not
    what a customer is won with: the payment after it is the first.
    """
    paid_before = bool(carried_over)
    subscriptions = set(carried_over)
    for bill in sorted(payments, key=lambda bill: (bill.paid_at, bill.source.object_id)):
        if bill.gross <= 0:
            continue
        subscription = bill.subscription
        if bill.is_trial:
            parts: tuple[Part, ...] = (_whole(bill, EventKind.TRIAL_PAYMENT),)
        elif subscription is None:
            parts = (_whole(bill, EventKind.ONE_OFF_PAYMENT, first_for_customer=not paid_before),)
        elif subscription not in subscriptions:
            came_back = paid_before and any(
                at <= bill.paid_at for other, at in ended.items() if other != subscription
            )
            kind = EventKind.REACTIVATION_PAYMENT if came_back else EventKind.FIRST_PAYMENT
            first = not paid_before
            parts = (_whole(bill, kind, first_for_customer=first, first_for_subscription=True),)
        else:
            parts = _later(bill)
        if bill.wrong is None:
            yield Classified(bill=bill, parts=parts)
        if not bill.is_trial:
            paid_before = True
            if subscription is not None:
                subscriptions.add(subscription)


def _whole(
    bill: Payment, kind: EventKind, *, first_for_customer: bool = False, first_for_subscription: bool = False
) -> Part:
    return Part(
        kind=kind,
        gross=bill.gross,
        net=bill.net,
        line=_main(bill.lines),
        first_for_customer=first_for_customer,
        first_for_subscription=first_for_subscription,
    )


def _later(bill: Payment) -> tuple[Part, ...]:
    gross, net = bill.gross, bill.net
    if bill.cause in (Cause.CHANGE, Cause.USAGE):
        what = Expansion.USAGE if bill.cause is Cause.USAGE else _what(bill.lines)
        return (_expansion(what, gross, net, bill.lines),)
    prorated = [line for line in bill.lines if line.proration]
    regular = [line for line in bill.lines if not line.proration]
    added, usual = sum(line.net for line in prorated), sum(line.net for line in regular)
    if bill.cause is not Cause.CYCLE or added <= 0:
        return (_renewal(gross, net, regular or bill.lines),)
    share = Fraction(added, added + max(usual, 0))
    more_gross, more_net = round_half_even(gross * share), round_half_even(net * share)
    both = (
        _renewal(gross - more_gross, net - more_net, regular),
        _expansion(_what(prorated), more_gross, more_net, prorated),
    )
    return tuple(part for part in both if part.gross > 0)


def _renewal(gross: int, net: int, lines: Sequence[Line]) -> Part:
    return Part(kind=EventKind.RENEWAL, gross=gross, net=net, line=_main(lines))


def _expansion(what: Expansion, gross: int, net: int, lines: Sequence[Line]) -> Part:
    return Part(kind=EventKind.EXPANSION_PAYMENT, expansion=what, gross=gross, net=net, line=_main(lines))


def _main(lines: Sequence[Line]) -> Line | None:
    return max(lines, key=lambda line: line.net, default=None)


def spread(amount: int | None, parts: Sequence[Part]) -> Iterator[int | None]:
    """An amount of the whole bill on its parts, in proportion to their cash; the shares add up to it."""
    whole, so_far, given = sum(part.gross for part in parts), 0, 0
    for part in parts:
        if amount is None:
            yield None
            continue
        so_far += part.gross
        until = round_half_even(Fraction(amount * so_far, whole))
        yield until - given
        given = until


def _what(lines: Sequence[Line]) -> Expansion:
    """More of the same price is seats; another price is an upgrade; both are mixed."""
    prices = {line.price for line in lines}
    quantities = {line.quantity for line in lines}
    if len(prices) > 1 and len(quantities) > 1:
        return Expansion.MIXED
    if len(prices) == 1 and len(quantities) > 1:
        return Expansion.SEATS
    return Expansion.UPGRADE
