"""Subscriptions as standings: where each event shows them, and where they stood before it.

Source: specs/billing.md §1.6, §6.3 (state lane).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from conversion_sync.billing.facts import Item, Source, Standing, Status
from conversion_sync.billing.naming import click_ids
from conversion_sync.billing.stripe.catalogue import StripeCatalogue
from conversion_sync.billing.stripe.shapes import SubscriptionFact


def standings_of(
    subscriptions: Mapping[str, Sequence[SubscriptionFact]], catalogue: StripeCatalogue
) -> tuple[dict[str, list[Standing]], list[SubscriptionFact]]:
    """Every subscription as its events show it, in their order; and the states whose status nobody knows."""
    known: dict[str, list[Standing]] = {}
    unknown: list[SubscriptionFact] = []
    for name, states in subscriptions.items():
        for state in states:
            status = catalogue.subscription.of(state.status)
            if status is None:
                unknown.append(state)
            else:
                known.setdefault(name, []).append(_standing(state, status, catalogue))
    return known, unknown


def _standing(state: SubscriptionFact, status: Status, catalogue: StripeCatalogue) -> Standing:
    now = Standing(
        source=Source(
            object_type="subscription",
            object_id=state.id,
            record=state.event_id,
            api_version=state.api_version,
            livemode=state.livemode,
        ),
        at=state.at,
        status=status,
        begins=state.event_type == "customer.subscription.created",
        ended_at=state.ended_at,
        currency=state.currency,
        exponent=None if state.currency is None else catalogue.exponents.of(state.currency),
        items=(
            Item(
                id="",
                price=state.price,
                quantity=state.quantity,
                interval=state.interval,
                interval_count=state.interval_count or 1,
            ),
        ),
        click_ids=click_ids(state.metadata),
    )
    was = catalogue.subscription.of(state.was) if state.was else None
    return now if was is None else replace(now, before=replace(now, status=was, begins=False))
