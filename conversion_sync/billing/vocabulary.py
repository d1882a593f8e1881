"""Words that the facts of several billing systems are written in."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from conversion_sync.billing.facts import Status


class Exponents(BaseModel):
    """Currencies whose minor unit is not a hundredth in a provider's API."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zero: frozenset[str]
    three: frozenset[str]

    def of(self, currency: str) -> int:
        """Digits of the minor unit of an upper-case ISO code."""
        if currency in self.zero:
            return 0
        return 3 if currency in self.three else 2


class SubscriptionStatuses(BaseModel):
    """Where a subscription stands, by our word for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    waiting: frozenset[str]
    trialing: frozenset[str]
    live: frozenset[str]
    paused: frozenset[str]
    ended: frozenset[str]

    def of(self, status: str) -> Status | None:
        """Our word for a status; None for one nobody knows."""
        return next((word for word in Status if status in getattr(self, word.value)), None)
