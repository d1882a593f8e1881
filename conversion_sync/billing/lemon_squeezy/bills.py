"""Orders and subscription invoices as payments, and what became of the money.

The same money is told twice, by the first invoice of a subscription and by the order that began it: it is
taken from invoices, and an order counts only where no subscription names it, or where it took a set-up fee at
the start of a trial, for which there is no invoice. Refunds are a sum that grows: each step of it that was
seen is one, named by the sum it led to. There is no time of payment: it is a row's creation where it was
made paid, and the first change that is known of it where it was waited for.
Source: specs/billing.md §4.1, §4.2, §6.3, §6.4.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from conversion_sync.billing.facts import Cause, Failure, Line, Movement, Payment, Way
from conversion_sync.billing.lemon_squeezy.catalogue import LemonCatalogue
from conversion_sync.billing.lemon_squeezy.told import State
from conversion_sync.model.revenue import Precision

CURRENCY = re.compile(r"[A-Z]{3}")
AGAIN = 10**12
"""More than any sum: tells a sum reached a second time, after money came again, from the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What others say of a bill: the customer's country, the plan, what the checkout was given."""

    country: str | None
    subscription: str | None
    cause: Cause = Cause.OTHER
    is_trial: bool = False
    lines: tuple[Line, ...] = ()
    click_ids: tuple[tuple[str, str], ...] = ()


def currency_of(state: State) -> str:
    """Upper case. Raises KeyError."""
    return str(state.of["currency"]).upper()


def net_total(state: State) -> int:
    """The total without tax, whether that is inside or on top. Raises KeyError or TypeError."""
    return state.whole("total") - state.whole("tax")


def paid_states(states: Sequence[State], paid: frozenset[str]) -> list[State]:
    """Those in which the money had come."""
    return [state for state in states if state.status in paid]


def payment_of(
    states: Sequence[State], paid: Sequence[State], about: About, catalogue: LemonCatalogue
) -> Payment:
    """A bill that was paid, from all states of it and those in which it was."""
    last = paid[-1]
    gross, net = last.whole("total"), net_total(last)
    currency = currency_of(last)
    at, precision = _paid_at(states, paid)
    return Payment(
        source=paid[0].source,
        subscription=about.subscription,
        invoice=last.ref,
        payment=None,
        currency=currency,
        exponent=catalogue.exponents.of(currency),
        paid_at=at,
        precision=precision,
        cause=about.cause,
        gross=max(gross, 0),
        net=max(net, 0),
        is_free=gross == 0,
        is_trial=about.is_trial,
        discount=last.whole("discount_total") if last.of.get("discount_total") is not None else 0,
        country=about.country,
        lines=about.lines,
        click_ids=dict(about.click_ids),
        wrong=_wrong(last, catalogue),
    )


def _paid_at(states: Sequence[State], paid: Sequence[State]) -> tuple[datetime, Precision]:
    """When the money came, as exactly as states tell."""
    made = states[0].created_at
    if any(state.updated_at == made for state in paid):
        return made, Precision.SECOND
    if states[0] is not paid[0]:
        refunded = [at for state in paid if (at := state.time("refunded_at")) is not None]
        return min([paid[0].updated_at, *refunded]), Precision.APPROXIMATED
    return made, Precision.APPROXIMATED


def _wrong(state: State, catalogue: LemonCatalogue) -> tuple[str, str] | None:
    currency = currency_of(state)
    if not CURRENCY.fullmatch(currency):
        return "unknown_currency", currency
    if state.whole("total") < 0 or net_total(state) < 0:
        return "negative_amount", str(state.of["total"])
    if catalogue.exponents.of(currency) != 2 and _contradicted(state):
        return "amount_in_doubt", f"{currency}: the words of the amount are not its number"
    return None


def _contradicted(state: State) -> bool:
    """Whether the words show another number than the one read: digits alone, without separators."""
    words = state.of.get("total_formatted")
    digits = re.sub(r"\D", "", words) if isinstance(words, str) else ""
    return bool(digits) and int(digits) != state.whole("total")


def refunded_of(state: State) -> int:
    """How much is back by then. Older rows say only whether all is. Raises TypeError."""
    if state.of.get("refunded_amount") is not None:
        return state.whole("refunded_amount")
    return state.whole("total") if state.of.get("refunded") is True else 0


def refunds(states: Sequence[State], bill: str) -> Iterator[Movement]:
    """Every step of the sum that is back, up or down, against the bill of this reference."""
    before = 0
    seen: Counter[tuple[bool, int]] = Counter()
    for state in states:
        after = refunded_of(state)
        if after == before:
            continue
        step = (after > before, after)
        yield Movement(
            source=state.source,
            number=after + AGAIN * seen[step],
            invoice=bill,
            amount=after - before,
            currency=currency_of(state),
            at=(state.time("refunded_at") if after > before else None) or state.updated_at,
            precision=Precision.SECOND if after > before else Precision.APPROXIMATED,
        )
        seen[step] += 1
        before = after


def taken_back(
    states: Sequence[State], way: Way, gone: Container[str], bill: str | None, amount: int
) -> Iterator[Movement]:
    """What is left of a bill goes while its status is one of `gone`, and comes again when it is not.

    An order is found to be a fraud, which is all that is told of disputes (specs/billing.md §4.2); or an
    invoice that was paid is not any more. Two states say only that it happened between them.
    """
    taken = turns = 0
    for state in states:
        is_gone = state.status in gone
        if is_gone == (taken > 0):
            continue
        moved = max(amount - refunded_of(state), 0) if is_gone else -taken
        if moved:
            yield Movement(
                source=state.source,
                way=way,
                number=turns,
                invoice=bill,
                amount=moved,
                currency=currency_of(state),
                at=state.updated_at,
                precision=Precision.APPROXIMATED,
            )
        taken, turns = (moved, turns) if is_gone else (0, turns + 1)


def failure_of(state: State, subscription: str | None, catalogue: LemonCatalogue, *, final: bool) -> Failure:
    """A bill that was not paid, or never will be."""
    currency = currency_of(state)
    return Failure(
        source=state.source,
        subscription=subscription,
        invoice=state.ref,
        currency=currency,
        exponent=catalogue.exponents.of(currency),
        at=state.updated_at if final else state.created_at,
        uncollectible=final,
    )
