"""Subscriptions as standings, at the times they give of themselves.

Paddle says how a subscription stands, never how it stood before. One that was only listed began as it says it
did: a trial it had is told from its dates. Source: specs/billing.md §3.1, §3.3, §6.3, §6.4 rows 1, 26-28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from conversion_sync.billing.facts import Source, Standing, Status
from conversion_sync.billing.naming import click_ids
from conversion_sync.billing.paddle.catalogue import PaddleCatalogue
from conversion_sync.billing.paddle.shapes import Subscription
from conversion_sync.model.revenue import Precision


@dataclass(slots=True)
class Subscribed:
    """Where every subscription stood, and the words nobody knows."""

    standings: dict[str, list[Standing]] = field(default_factory=dict)
    parked: list[tuple[str, str, str]] = field(default_factory=list)


def standings_of(shown: Mapping[str, Sequence[Subscription]], vocabulary: PaddleCatalogue) -> Subscribed:
    """Every subscription in order of time."""
    found = Subscribed()
    for name, states in shown.items():
        standings = []
        for state in states:
            status = vocabulary.subscription.of(state.status)
            if status is None:
                found.parked.append((name, "unknown_subscription_status", state.status))
                continue
            changes = vocabulary.scheduled_change
            if state.change is not None and state.change not in changes.cancel | changes.other:
                found.parked.append((name, "unknown_scheduled_change", state.change))
            standings.append(_standing(state, status, vocabulary))
        if standings and not any(standing.begins for standing in standings):
            standings = [*_beginning(states, standings), *standings]
        if standings:
            found.standings[name] = sorted(standings, key=lambda standing: (not standing.begins, standing.at))
    return found


def _standing(state: Subscription, status: Status, vocabulary: PaddleCatalogue) -> Standing:
    currency = state.currency
    return Standing(
        source=Source(
            object_type="subscription",
            object_id=state.id,
            record=state.seen.record,
            livemode=state.seen.livemode,
        ),
        at=_at(state, status),
        precision=Precision.EXACT,
        status=status,
        begins=state.seen.begins,
        cancels_at=state.change_at if state.change in vocabulary.scheduled_change.cancel else None,
        ended_at=state.canceled_at,
        currency=currency,
        exponent=None if currency is None else vocabulary.exponents.of(currency),
        items=state.items,
        click_ids=click_ids(state.custom_data),
    )


def _at(state: Subscription, status: Status) -> datetime:
    """When it came to stand so."""
    if state.seen.begins:
        return state.started_at
    if status is Status.ENDED and state.canceled_at is not None:
        return state.canceled_at
    if status is Status.PAUSED and state.paused_at is not None:
        return state.paused_at
    return state.updated_at


def _beginning(states: Sequence[Subscription], standings: Sequence[Standing]) -> list[Standing]:
    """The trial it began with, where no record of that time is known."""
    first, start = states[0], states[0].trial_from
    if start is None:
        return []
    return [
        replace(
            standings[0],
            at=start,
            status=Status.TRIALING,
            begins=True,
            cancels_at=None,
            ended_at=None,
            reconstructed=first.seen.listed,
        )
    ]
