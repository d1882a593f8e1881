"""Refunds as movements of money, as their objects tell them or, for old accounts, their charges.

Source: specs/billing.md §1.6 (statuses), §6.3, §6.4 rows 17-20.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from conversion_sync.billing.facts import Movement, Source
from conversion_sync.billing.stripe.catalogue import StripeCatalogue
from conversion_sync.billing.stripe.shapes import ChargeFact, RefundFact


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
    undone = next((s for s in states if s.status in catalogue.refund.undone), None)
    if undone is not None and undone.seen_at >= done.seen_at:
        yield _movement(undone, "refund", -undone.amount, undone.seen_at)


def _of_charge(shown: Sequence[ChargeFact]) -> Iterator[Movement]:
    """Accounts on old versions tell only how much of a charge is refunded so far."""
    before = number = 0
    for charge in sorted(shown, key=lambda charge: (charge.amount_refunded, charge.at, charge.event_id)):
        if charge.amount_refunded > before:
            yield _movement(charge, "charge", charge.amount_refunded - before, charge.at, number)
            before, number = charge.amount_refunded, number + 1


def _movement(
    state: RefundFact | ChargeFact, object_type: str, amount: int, at: datetime, number: int = 0
) -> Movement:
    return Movement(
        source=Source(
            object_type=object_type,
            object_id=state.id,
            record=state.event_id,
            api_version=state.api_version,
            livemode=state.livemode,
        ),
        number=number,
        payment=state.payment,
        amount=amount,
        currency=state.currency,
        at=at,
    )
