"""Refunds as corrections of payments: in any number of parts they return exactly the original net.

Source: specs/billing.md §1.3 (cumulative rule), §1.6 (statuses), §6.4 rows 17-20.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
    """All money that moved back, in order of time; and refunds with a status nobody knows."""
    moved: list[Movement] = []
    unknown: list[RefundFact] = []
    for states in facts.refunds.values():
        known = catalogue.refund.done | catalogue.refund.undone | catalogue.refund.waiting
        if strange := [state for state in states if state.status not in known]:
            unknown.append(strange[0])
            continue
        moved.extend(_of_refund(states, catalogue))
    objects = {movement.payment for movement in moved} | {
        state.payment for states in facts.refunds.values() for state in states
    }
    for payment, charges in facts.charges.items():
        if payment not in objects:
            moved.extend(_of_charge(charges))
    moved.sort(key=lambda movement: (movement.at, movement.object_id, movement.number))
    return moved, unknown


def _of_refund(states: Sequence[RefundFact], catalogue: StripeCatalogue) -> Iterator[Movement]:
    done = next((state for state in states if state.status in catalogue.refund.done), None)
    if done is None:
        return
    yield _movement(done, done.amount, done.created_at, 0)
    undone = next((s for s in states if s.status in catalogue.refund.undone), None)
    if undone is not None and undone.seen_at >= done.seen_at:
        yield _movement(undone, -undone.amount, undone.seen_at, 1)


def _movement(state: RefundFact, amount: int, at: datetime, number: int) -> Movement:
    return Movement(
        object_type="refund",
        object_id=state.id,
        number=number,
        event_id=state.event_id,
        api_version=state.api_version,
        livemode=state.livemode,
        payment=state.payment,
        amount=amount,
        at=at,
    )


def _of_charge(charges: Sequence[ChargeFact]) -> Iterator[Movement]:
    """Accounts on old versions tell only how much of a charge is refunded so far."""
    before = 0
    for number, charge in enumerate(sorted(charges, key=lambda charge: (charge.amount_refunded, charge.at))):
        if charge.amount_refunded > before:
            yield Movement(
                object_type="charge",
                object_id=charge.id,
                number=number,
                event_id=charge.event_id,
                api_version=charge.api_version,
                livemode=charge.livemode,
                payment=charge.payment,
                amount=charge.amount_refunded - before,
                at=charge.at,
            )
            before = charge.amount_refunded


def shares(parts: Sequence[Part], movement: Movement, refunded: dict[int, int]) -> Iterator[Share]:
    """Takes a movement off the parts in order (puts it back in reverse); `refunded` is gross so far, by part.

    What exceeds the payment is left over: `unshared` tells how much.
    """
    left = movement.amount
    places = range(len(parts)) if left > 0 else range(len(parts) - 1, -1, -1)
    for place in places:
        part, so_far = parts[place], refunded.get(place, 0)
        step = min(left, part.gross - so_far) if left > 0 else max(left, -so_far)
        if step == 0:
            continue
        refunded[place] = so_far + step
        left -= step
        before, after = _net(part, so_far), _net(part, so_far + step)
        yield Share(
            part=place,
            gross=-step,
            net=before - after,
            gross_refunded=so_far + step,
            net_left=part.net - after,
            is_full=so_far + step == part.gross,
        )


def unshared(parts: Sequence[Part], refunded: Mapping[int, int], movement: Movement) -> int:
    """How much of a movement the parts cannot take, given what they took already."""
    if movement.amount < 0:
        return 0
    room = sum(part.gross for part in parts) - sum(refunded.values())
    return max(movement.amount - room, 0)


def _net(part: Part, gross: int) -> int:
    return round_half_even(Fraction(gross * part.net, part.gross)) if part.gross else 0
