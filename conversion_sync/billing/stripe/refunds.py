"""Refunds as movements of money, as their objects tell them or, for old accounts, their charges.

Source: specs/billing.md §1.6 (statuses), §6.3, §6.4 rows 17-20.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from conversion_sync.billing.facts import Movement
from conversion_sync.billing.stripe.catalogue import StripeCatalogue
from conversion_sync.billing.stripe.currencies import currency_of
from conversion_sync.billing.stripe.seen import Seen, id_of, time_of, whole
from conversion_sync.billing.stripe.shapes import references


@dataclass(frozen=True, slots=True, kw_only=True)
class RefundFact:
    """One state of a refund. `payment` is the PaymentIntent, or the charge where there is none."""

    seen: Seen
    id: str
    payment: str | None
    amount: int
    currency: str
    status: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeFact:
    """How much of a charge had been refunded, as one record shows it."""

    seen: Seen
    id: str
    payment: str | None
    amount_refunded: int
    currency: str


def refund_fact(seen: Seen) -> RefundFact:
    """A refund as one record shows it."""
    refund = seen.thing
    return RefundFact(
        seen=seen,
        id=id_of(refund),
        payment=references(refund).payment,
        amount=whole(refund["amount"]),
        currency=currency_of(refund),
        status=str(refund.get("status") or "succeeded"),
        created_at=time_of(refund["created"]),
    )


def charge_fact(seen: Seen) -> ChargeFact:
    """A charge as one record shows it."""
    charge = seen.thing
    return ChargeFact(
        seen=seen,
        id=id_of(charge),
        payment=references(charge).payment,
        amount_refunded=whole(charge.get("amount_refunded") or 0),
        currency=currency_of(charge),
    )


def movements(
    refunds: Mapping[str, Sequence[RefundFact]],
    charges: Mapping[str, Sequence[ChargeFact]],
    catalogue: StripeCatalogue,
) -> tuple[list[Movement], list[RefundFact]]:
    """All money that moved back; and the first state of each refund that nobody knows. States are in order.

    A state nobody knows says nothing; what the others say stays true.
    """
    known = catalogue.refund.done | catalogue.refund.undone | catalogue.refund.waiting
    moved: list[Movement] = []
    unknown: list[RefundFact] = []
    for states in refunds.values():
        unknown += [state for state in states if state.status not in known][:1]
        moved.extend(_of_refund(states, catalogue))
    told = {state.payment for states in refunds.values() for state in states}
    for shown in charges.values():
        if shown[0].payment not in told:
            moved.extend(_of_charge(shown))
    return moved, unknown


def _of_refund(states: Sequence[RefundFact], catalogue: StripeCatalogue) -> Iterator[Movement]:
    done = next((state for state in states if state.status in catalogue.refund.done), None)
    if done is None:
        return
    yield _movement(done, "refund", done.amount, done.created_at)
    undone = next((state for state in states if state.status in catalogue.refund.undone), None)
    if undone is not None and undone.seen.at >= done.seen.at:
        yield _movement(undone, "refund", -undone.amount, undone.seen.at)


def _of_charge(shown: Sequence[ChargeFact]) -> Iterator[Movement]:
    """Accounts on old versions tell only how much of a charge is refunded so far."""
    before = number = 0
    for charge in sorted(shown, key=lambda each: (each.amount_refunded, each.seen.at, each.seen.record)):
        if charge.amount_refunded > before:
            yield _movement(charge, "charge", charge.amount_refunded - before, charge.seen.at, number)
            before, number = charge.amount_refunded, number + 1


def _movement(
    state: RefundFact | ChargeFact, object_type: str, amount: int, at: datetime, number: int = 0
) -> Movement:
    return Movement(
        source=state.seen.source(object_type),
        number=number,
        payment=state.payment,
        amount=amount,
        currency=state.currency,
        at=at,
    )
