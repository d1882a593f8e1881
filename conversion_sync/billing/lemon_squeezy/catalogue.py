"""Lemon Squeezy's facts as one frozen object, read from `catalogue.toml`."""

from __future__ import annotations

import functools
import tomllib
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from conversion_sync.billing.asking import Retry
from conversion_sync.billing.facts import Cause
from conversion_sync.billing.vocabulary import Exponents
from conversion_sync.billing.webhooks import Webhook


class Part(BaseModel):
    """Frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Api(Part):
    """The interface's limits."""

    page_limit: int
    calls_per_minute: int
    threads: int
    update_days: int
    retention_days: int
    connect_timeout_seconds: float
    read_timeout_seconds: float


class Types(Part):
    """Which objects are read, and which are only kept."""

    read: tuple[str, ...]
    kept: frozenset[str]


class Events(Part):
    """Which webhooks there are."""

    known: frozenset[str]


class Passing(Part):
    """The states in which a subscription does not stay."""

    subscriptions: tuple[str, ...]


class OrderStatuses(Part):
    """Where an order stands."""

    waiting: frozenset[str]
    paid: frozenset[str]
    failed: frozenset[str]
    fraud: frozenset[str]

    def knows(self, status: str) -> bool:
        """Whether the vocabulary has it."""
        return status in self.waiting | self.paid | self.failed | self.fraud


class InvoiceStatuses(Part):
    """Where a subscription invoice stands."""

    waiting: frozenset[str]
    paid: frozenset[str]
    void: frozenset[str]

    def knows(self, status: str) -> bool:
        """Whether the vocabulary has it."""
        return status in self.waiting | self.paid | self.void

    @property
    def unpaid(self) -> frozenset[str]:
        """Those in which nothing is paid."""
        return self.waiting | self.void


class Reasons(Part):
    """Why an invoice was made."""

    cycle: frozenset[str]
    change: frozenset[str]
    other: frozenset[str]

    def of(self, reason: str) -> Cause | None:
        """The cause; None for a word nobody knows."""
        if reason in self.cycle:
            return Cause.CYCLE
        if reason in self.change:
            return Cause.CHANGE
        return Cause.OTHER if reason in self.other else None


class SubscriptionStatuses(Part):
    """Where a subscription stands."""

    trialing: frozenset[str]
    live: frozenset[str]
    late: frozenset[str]
    leaving: frozenset[str]
    paused: frozenset[str]
    ended: frozenset[str]

    def knows(self, status: str) -> bool:
        """Whether the vocabulary has it."""
        return status in self.trialing | self.live | self.leaving | self.paused | self.ended


class Pause(Part):
    """What a paused subscription's customer gets."""

    stops: frozenset[str]
    serves: frozenset[str]


class LemonCatalogue(Part):
    """The whole file."""

    api: Api
    retry: Retry
    webhook: Webhook
    types: Types
    events: Events
    passing: Passing
    exponents: Exponents
    order: OrderStatuses
    invoice: InvoiceStatuses
    reason: Reasons
    subscription: SubscriptionStatuses
    pause: Pause


@functools.cache
def catalogue() -> LemonCatalogue:
    """Lemon Squeezy's facts."""
    text = (files(__package__) / "catalogue.toml").read_text(encoding="utf-8")
    return LemonCatalogue.model_validate(tomllib.loads(text))
