"""What happened to a subscription without money, from how it stood one record after the other.

A record that says how the subscription stood just before is believed; else the one before it in time is
compared with. Nothing is told of a subscription whose earlier standing nobody knows.
Source: specs/billing.md §1.6, §3.3, §4, §6.3 (state lane), §6.4 rows 7-11, 26-28, 37, 42.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from conversion_sync.billing.facts import Item, Standing, Status
from conversion_sync.model.money import round_half_even
from conversion_sync.model.revenue import EventKind

A_MONTH = {
    "month": Fraction(1),
    "year": Fraction(1, 12),
    "week": Fraction(52, 12),
    "day": Fraction(365, 12),
}
"""How many of an interval fit into a month. Source: specs/billing.md §6.2."""
ONCE = frozenset({EventKind.TRIAL_STARTED, EventKind.CANCELLATION})
"""What happens to a subscription no second time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happened, between two standings. `before` is None where the subscription was made so."""

    kind: EventKind
    before: Standing | None
    after: Standing


def changes(standings: Sequence[Standing]) -> Iterator[Change]:
    """Every change of one subscription. `standings` are in order of time."""
    told: set[EventKind] = set()
    earlier: Standing | None = None
    for after in standings:
        before = after.before or earlier
        for kind in _kinds(before, after):
            if kind not in ONCE or kind not in told:
                told.add(kind)
                yield Change(kind=kind, before=before, after=after)
        earlier = after


def mrr(standing: Standing | None) -> int | None:
    """What a subscription brings a month, in minor units, ties to even; None where a price is not known."""
    if standing is None or not standing.items:
        return None
    whole = Fraction(0)
    for item in standing.items:
        if item.amount is None or item.interval not in A_MONTH:
            return None
        quantity = 1 if item.quantity is None else item.quantity
        whole += item.amount * quantity * A_MONTH[item.interval] / max(item.interval_count, 1)
    return round_half_even(whole)


def seats(standing: Standing | None) -> int | None:
    """How many units of everything."""
    known = [item.quantity for item in standing.items if item.quantity is not None] if standing else []
    return sum(known) if known else None


def main_item(standing: Standing | None) -> Item | None:
    """The part that says what the subscription is: the dearest, else the first."""
    if standing is None:
        return None
    return max(standing.items, key=lambda item: (item.amount or 0) * (item.quantity or 1), default=None)


def _kinds(before: Standing | None, after: Standing) -> Iterator[EventKind]:
    trialed = before is not None and before.status is Status.TRIALING and not after.begins
    known = before is not None or after.begins
    if after.status is Status.TRIALING and known and not trialed:
        yield EventKind.TRIAL_STARTED
    if after.status is Status.ENDED:
        yield EventKind.CANCELLATION
    elif before is not None:
        yield from _turns(before, after)


def _turns(before: Standing, after: Standing) -> Iterator[EventKind]:
    """What changed of one that goes on."""
    if _rests(after) != _rests(before):
        yield EventKind.PAUSE if _rests(after) else EventKind.RESUME
    if (after.cancels_at is None) != (before.cancels_at is None):
        yield EventKind.CANCEL_WITHDRAWN if after.cancels_at is None else EventKind.CANCEL_SCHEDULED
    if (kind := _of_plan(before, after)) is not None:
        yield kind


def _rests(standing: Standing) -> bool:
    return standing.status is Status.PAUSED or not standing.collects


def _of_plan(before: Standing, after: Standing) -> EventKind | None:
    """How what is subscribed to changed; None where it did not, or nobody knows which way."""
    if not before.items or not after.items:
        return None
    if _prices(before) == _prices(after):
        less, more = seats(before) or 0, seats(after) or 0
        if less == more:
            return None
        return EventKind.SEAT_EXPANSION if more > less else EventKind.SEAT_CONTRACTION
    known, now = _intervals(before), _intervals(after)
    if known != now:
        return EventKind.INTERVAL_CHANGE if all(name for name, _ in known | now) else None
    less_worth, more_worth = mrr(before), mrr(after)
    if less_worth is None or more_worth is None or less_worth == more_worth:
        return None
    return EventKind.UPGRADE if more_worth > less_worth else EventKind.DOWNGRADE


def _prices(standing: Standing) -> list[str]:
    return sorted(item.price or "" for item in standing.items)


def _intervals(standing: Standing) -> set[tuple[str | None, int]]:
    return {(item.interval, item.interval_count) for item in standing.items}
