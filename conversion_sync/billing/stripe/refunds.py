"""Refunds as corrections of payments: in any number of parts they return exactly the original net.

Source: specs/billing.md §1.3 (cumulative rule), §1.6 (statuses), §6.4 rows 17-20.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from conversion_sync.billing.stripe.catalogue import StripeCatalogue
from conversion_sync.billing.stripe.facts import ChargeFact, Facts
from conversion_sync.billing.stripe.payments import Part
from conversion_sync.billing.stripe.shapes import RefundFact
from conversion_sync.model.money import round_half_even


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """Money that went back (`amount` > 0) or, when that failed, came again (`amount` < 0)."""

    object_type: str
    object_id: str
    number: int
    event_id: str
    api_version: str | None
    livemode: bool
    payment: str | None
    amount: int
    currency: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a movement takes off one part of a payment: signed, refunds negative."""

    part: int
    gross: int
    net: int
    gross_refunded: int
    net_left: int
    is_full: bool


def movements(facts: Facts, catalogue: StripeCatalogue) -> tuple[list[Movement], list[RefundFact]]:
    """All money that moved back, in order of time; and the first state of a refund that nobody knows.

    A state nobody knows says nothing; what the others say stays true.
    """
    known = catalogue.refund.done | catalogue.refund.undone | catalogue.refund.waiting
    moved: list[Movement] = []
    unknown: list[RefundFact] = []
    for states in facts.refunds.values():
        unknown += [state for state in states if state.status not in known][:1]
        moved.extend(_of_refund(states, catalogue))
    objects = {state.payment for states in facts.refunds.values() for state in states}
    for charges in facts.charges.values():
        if charges[0].payment not in objects:
            moved.extend(_of_charge(charges))
    moved.sort(key=lambda movement: (movement.at, movement.object_id, movement.number))
    return moved, unknown


def _of_refund(states: Sequence[RefundFact], catalogue: StripeCatalogue) -> Iterator[Movement]:
    done = next((state for state in states if state.status in catalogue.refund.done), None)
    if done is None:
        return
    yield _movement(done, "refund", done.amount, done.created_at, 0)
    undone = next((s for s in states if s.status in catalogue.refund.undone), None)
    if undone is not None and undone.seen_at >= done.seen_at:
        yield _movement(undone, "refund", -undone.amount, undone.seen_at, 1)


def _movement(
    state: RefundFact | ChargeFact, object_type: str, amount: int, at: datetime, number: int
) -> Movement:
    return Movement(
        object_type=object_type,
        object_id=state.id,
        number=number,
        event_id=state.event_id,
        api_version=state.api_version,
        livemode=state.livemode,
        payment=state.payment,
        amount=amount,
        currency=state.currency,
        at=at,
    )


def _of_charge(charges: Sequence[ChargeFact]) -> Iterator[Movement]:
    """Accounts on old versions tell only how much of a charge is refunded so far."""
    before = number = 0
    for charge in sorted(charges, key=lambda charge: (charge.amount_refunded, charge.at, charge.event_id)):
        if charge.amount_refunded > before:
            yield _movement(charge, "charge", charge.amount_refunded - before, charge.at, number)
            before, number = charge.amount_refunded, number + 1


class Returned:
    """How much of one payment is back with the customer, by part, as movements come in order of time."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._gross = [0] * len(parts)
        self._claimed = 0

    def excess(self) -> int:
        """How much more went back than was paid."""
        return max(self._claimed - sum(part.gross for part in self._parts), 0)

    def take(self, movement: Movement) -> Iterator[Share]:
        """Takes a movement off the parts in order, or puts it back in reverse.

        What exceeds the payment is nobody's share, neither when it goes nor when it comes again.
        """
        whole = sum(part.gross for part in self._parts)
        before = min(self._claimed, whole)
        self._claimed += movement.amount
        left = min(self._claimed, whole) - before
        places = range(len(self._parts))
        for place in places if left > 0 else reversed(places):
            part, so_far = self._parts[place], self._gross[place]
            step = min(left, part.gross - so_far) if left > 0 else max(left, -so_far)
            if step == 0:
                continue
            self._gross[place] += step
            left -= step
            yield _share(place, part, so_far, so_far + step)


def _share(place: int, part: Part, before: int, after: int) -> Share:
    return Share(
        part=place,
        gross=before - after,
        net=_net(part, before) - _net(part, after),
        gross_refunded=after,
        net_left=part.net - _net(part, after),
        is_full=after == part.gross,
    )


def _net(part: Part, gross: int) -> int:
    return round_half_even(Fraction(gross * part.net, part.gross)) if part.gross else 0
