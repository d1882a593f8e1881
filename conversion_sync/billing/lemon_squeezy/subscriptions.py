"""Subscriptions as standings, from the states their rows were seen in.

A row says what it is, not what happened: that is between two of its states. It names neither price nor
interval; both are learned from the invoices of whole periods, so that a change of plan is told as up or
down once the new plan was billed. Source: specs/billing.md §4.1, §6.3 (state lane).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from conversion_sync.billing.facts import Item, Line, Standing, Status
from conversion_sync.billing.lemon_squeezy.bills import net_total
from conversion_sync.billing.lemon_squeezy.catalogue import LemonCatalogue
from conversion_sync.billing.lemon_squeezy.told import State, text_of
from conversion_sync.model.revenue import Precision

INTERVALS = (
    (range(1, 2), "day", 1),
    (range(6, 9), "week", 1),
    (range(27, 33), "month", 1),
    (range(87, 95), "month", 3),
    (range(178, 187), "month", 6),
    (range(359, 372), "year", 1),
)
"""Days from an invoice to the next, and the interval they are."""
SOON = timedelta(days=1)
"""How long after an invoice the subscription's row is renewed at the latest."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What one unit of a variant costs, and how often."""

    amount: int
    interval: str
    count: int


Plans = Mapping[str, Plan]
"""By variant."""


def plans_of(
    subscriptions: Mapping[str, Sequence[State]], whole_periods: Sequence[tuple[str, State]]
) -> dict[str, Plan]:
    """What variants cost, as the last bill of a whole period of each says, with its subscription's id."""
    plans: dict[str, Plan] = {}
    for name, bill in sorted(whole_periods, key=lambda pair: (pair[1].created_at, pair[1].id)):
        billed = at(subscriptions.get(name, ()), bill.created_at + SOON)
        renews = billed.time("renews_at") if billed else None
        price = bill.of.get("subtotal")
        if billed is None or renews is None or type(price) is not int or price <= 0:
            continue
        item, span = item_of(billed, {}), _interval(renews - bill.created_at)
        if item.price is not None and span is not None:
            plans[item.price] = Plan(price // max(item.quantity or 1, 1), *span)
    return plans


def _interval(span: timedelta) -> tuple[str, int] | None:
    days = round(span / timedelta(days=1))
    return next(((name, count) for known, name, count in INTERVALS if days in known), None)


def at(states: Sequence[State], when: datetime) -> State | None:
    """How a subscription stood at a moment; the first that is known of it, if that is later."""
    return next((state for state in reversed(states) if state.updated_at <= when), next(iter(states), None))


def item_of(state: State, plans: Plans) -> Item:
    """What is subscribed to."""
    first = state.of.get("first_subscription_item")
    part: Mapping[str, object] = first if isinstance(first, Mapping) else {}
    quantity, variant = part.get("quantity"), state.text("variant_id")
    plan = plans.get(variant or "")
    return Item(
        id=text_of(part.get("id")) or "",
        price=variant,
        quantity=quantity if type(quantity) is int else None,
        amount=plan.amount if plan else None,
        interval=plan.interval if plan else None,
        interval_count=plan.count if plan else 1,
    )


def lines_of(states: Sequence[State], bill: State) -> tuple[Line, ...]:
    """What a bill paid for: the plan then, and the one before it where the bill is for the change."""
    known = [state for state in states if state.updated_at <= bill.created_at + SOON] or list(states[:1])
    if not known:
        return ()
    now = item_of(known[-1], {})
    end = known[-1].time("renews_at")
    lines = [
        Line(
            net=net_total(bill),
            price=now.price,
            quantity=now.quantity,
            period_start=bill.created_at,
            period_end=end if end is not None and end > bill.created_at else None,
        )
    ]
    items = [item_of(state, {}) for state in known]
    before = next((each for each in reversed(items) if _what(each) != _what(now)), None)
    if before is not None:
        lines.append(Line(net=0, proration=True, price=before.price, quantity=before.quantity))
    return tuple(lines)


def _what(item: Item) -> tuple[str | None, int | None]:
    return item.price, item.quantity


def standings_of(
    states: Sequence[State],
    plans: Plans,
    currency: str | None,
    click_ids: Mapping[str, str],
    catalogue: LemonCatalogue,
) -> tuple[list[Standing], list[tuple[str, str, str]]]:
    """A subscription in order of time, and what nobody would guess about it."""
    found: list[Standing] = []
    unknown: list[tuple[str, str, str]] = []
    for state in states:
        if not catalogue.subscription.knows(state.status):
            unknown.append((state.id, "unknown_subscription_status", state.status))
            continue
        mode = _mode(state)
        if mode is not None and mode not in catalogue.pause.stops | catalogue.pause.serves:
            unknown.append((state.id, "unknown_pause_mode", mode))
        found.append(_standing(state, mode, plans, currency, click_ids, catalogue))
    if found and states[0].of.get("trial_ends_at") is not None:
        found.insert(0, _trial(states[0], found[0]))
    return found, unknown


def _standing(
    state: State,
    mode: str | None,
    plans: Plans,
    currency: str | None,
    click_ids: Mapping[str, str],
    catalogue: LemonCatalogue,
) -> Standing:
    words, status = catalogue.subscription, state.status
    ends = state.time("ends_at")
    is_over = status in words.ended
    rests = status in words.paused or mode is not None
    serves = mode in catalogue.pause.serves
    return Standing(
        source=state.source,
        at=min(ends or state.updated_at, state.updated_at) if is_over else state.updated_at,
        status=_status(status, catalogue, stops=rests and not serves),
        collects=not (rests and serves),
        cancels_at=(ends or state.updated_at) if status in words.leaving else None,
        ended_at=min(ends or state.updated_at, state.updated_at) if is_over else None,
        currency=currency,
        exponent=None if currency is None else catalogue.exponents.of(currency),
        items=(item_of(state, plans),),
        click_ids=click_ids,
    )


def _status(status: str, catalogue: LemonCatalogue, *, stops: bool) -> Status:
    if status in catalogue.subscription.ended:
        return Status.ENDED
    if stops:
        return Status.PAUSED
    return Status.TRIALING if status in catalogue.subscription.trialing else Status.LIVE


def _mode(state: State) -> str | None:
    """How a subscription is paused; None where it is not."""
    pause = state.of.get("pause")
    return str(pause.get("mode")) if isinstance(pause, Mapping) else None


def _trial(first: State, now: Standing) -> Standing:
    """A trial begins with its subscription, whatever state that is first seen in."""
    return replace(
        now,
        at=first.created_at,
        precision=Precision.SECOND,
        status=Status.TRIALING,
        begins=True,
        collects=True,
        cancels_at=None,
        ended_at=None,
    )
