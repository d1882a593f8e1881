"""Paddle's facts as one frozen object, read from `catalogue.toml`."""

from __future__ import annotations

import functools
import tomllib
from importlib.resources import files

from pydantic import BaseModel, ConfigDict

from conversion_sync.billing.asking import Retry
from conversion_sync.billing.facts import Cause
from conversion_sync.billing.vocabulary import SubscriptionStatuses
from conversion_sync.billing.webhooks import Webhook


class Part(BaseModel):
    """Frozen; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Api(Part):
    """Where it is, and its limits."""

    base: str
    test_hosts: frozenset[str]
    retention_days: int
    history_step_days: int
    connect_timeout_seconds: float
    read_timeout_seconds: float
    requests_per_minute: int
    threads: int
    pieces: int
    id_drift_ms: int
    adjustment_reach_days: int


class PageSizes(Part):
    """The most things of a list in one answer."""

    events: int
    transactions: int
    adjustments: int
    subscriptions: int


class Events(Part):
    """Which types are pulled and read, and which say nothing about money."""

    read: tuple[str, ...]
    other: frozenset[str]


class Exponents(Part):
    """Currencies by the digits of their lowest unit."""

    zero: frozenset[str]
    two: frozenset[str]

    def of(self, currency: str) -> int | None:
        """Digits of an upper-case ISO code; None for one that Paddle is not known to take."""
        return 0 if currency in self.zero else 2 if currency in self.two else None


class TransactionStatuses(Part):
    """How far a transaction is."""

    done: frozenset[str]
    waiting: frozenset[str]
    late: frozenset[str]
    void: frozenset[str]

    def knows(self, status: str) -> bool:
        """Whether the vocabulary has it."""
        return status in self.done | self.waiting | self.late | self.void


class Origins(Part):
    """Why a transaction was made."""

    checkout: frozenset[str]
    cycle: frozenset[str]
    change: frozenset[str]
    usage: frozenset[str]
    nothing: frozenset[str]
    """It is for no goods: a card was changed."""

    def of(self, origin: str) -> Cause | None:
        """Our word for it; None for one nobody knows."""
        causes = {"cycle": Cause.CYCLE, "change": Cause.CHANGE, "usage": Cause.USAGE}
        for name, cause in (causes | {"checkout": Cause.OTHER, "nothing": Cause.OTHER}).items():
            if origin in getattr(self, name):
                return cause
        return None


class Attempts(Part):
    """Where a try to collect stands, and the methods whose money is elsewhere."""

    taken: frozenset[str]
    failed: frozenset[str]
    open: frozenset[str]
    off_provider: frozenset[str]


class Adjustments(Part):
    """Where an adjustment stands, and what it does."""

    done: frozenset[str]
    undone: frozenset[str]
    waiting: frozenset[str]
    refused: frozenset[str]
    refund: frozenset[str]
    chargeback: frozenset[str]
    chargeback_back: frozenset[str]
    credit: frozenset[str]
    credit_back: frozenset[str]
    unproven: frozenset[str]

    def knows_status(self, status: str) -> bool:
        """Whether the vocabulary has it."""
        return status in self.done | self.undone | self.waiting | self.refused

    def knows_action(self, action: str) -> bool:
        """Whether the vocabulary has it."""
        sides = self.refund | self.chargeback | self.chargeback_back
        return action in sides | self.credit | self.credit_back | self.unproven


class ScheduledChanges(Part):
    """What will happen to a subscription at its period's end."""

    cancel: frozenset[str]
    other: frozenset[str]


class PaddleCatalogue(Part):
    """The whole file."""

    api: Api
    page_sizes: PageSizes
    retry: Retry
    webhook: Webhook
    events: Events
    exponents: Exponents
    transaction: TransactionStatuses
    origin: Origins
    attempt: Attempts
    adjustment: Adjustments
    subscription: SubscriptionStatuses
    scheduled_change: ScheduledChanges


@functools.cache
def catalogue() -> PaddleCatalogue:
    """Paddle's facts."""
    text = (files(__package__) / "catalogue.toml").read_text(encoding="utf-8")
    return PaddleCatalogue.model_validate(tomllib.loads(text))
