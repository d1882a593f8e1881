"""How fast a platform may be asked, what it says of its quotas, and when it counts as down: plain facts.

The numbers stand in `catalogue.toml`, an account may replace them; delivery obeys them, the same way
for every platform (`delivery/gate.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from conversion_sync.config.pace import BreakerSettings, LimitSettings
from conversion_sync.config.settings import AccountSettings

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
AT_ONCE = 10
"""A tenth of what a minute allows may leave without a pause; the rest is spread evenly."""
MARGIN = 1.05
"""Requests are spread this much wider: not all of them are equally long on their way."""


class Lane(StrEnum):
    """What a request is about; a vendor may count each kind by itself."""

    CONVERSIONS = "conversions"
    CORRECTIONS = "corrections"
    QUESTIONS = "questions"
    """What became of an accepted request."""


EVERY = "every"
"""The bucket of the lanes that have none of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may leave from one account in a span of time; None: no limit is known."""

    requests_per_second: float | None = None
    requests_per_minute: float | None = None
    requests_per_day: int | None = None
    conversions_per_day: int | None = None

    @property
    def spacing(self) -> timedelta:
        """The pause between requests when they follow each other for long."""
        return max((spacing for spacing, _ in self._rates()), default=timedelta())

    @property
    def tolerance(self) -> timedelta:
        """How far ahead of even spacing a request may leave.

        With both, no span of a second or a minute holds more requests than allowed, wherever it begins.
        """
        return min((tolerance for _, tolerance in self._rates()), default=timedelta())

    def _rates(self) -> list[tuple[timedelta, timedelta]]:
        """Spacing and tolerance of each rate: b of n requests at once, the others a (n - b + 1)th apart."""
        rates: list[tuple[timedelta, timedelta]] = []
        for most, span in ((self.requests_per_second, SECOND), (self.requests_per_minute, MINUTE)):
            if most is not None:
                at_once = max(1, int(most / AT_ONCE))
                spacing = MARGIN * span / (most - at_once + 1 if most > 1 else most)
                rates.append((spacing, spacing * (at_once - 1)))
        return rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Slowing down by what the platform says is used of a quota: from `slow_above` percent on, up to
    `longest_pause` between two requests at 100.
    """

    slow_above: float
    longest_pause: timedelta

    def pause(self, used: float) -> timedelta:
        """The pause before the next request."""
        share = (used - self.slow_above) / (100 - self.slow_above)
        return self.longest_pause * min(max(share, 0.0), 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """When an account counts as down, and how it is tried again.

    Open after `failures` in a row, or when `share` of the last `window` answers failed; tried again with
    at most `probe_conversions` after `first_pause`, doubling to `longest_pause`.
    """

    failures: int = 5
    window: int = 20
    share: float = 0.5
    probe_conversions: int = 10
    first_pause: timedelta = timedelta(minutes=1)
    longest_pause: timedelta = timedelta(hours=1)


class UsageKeys(BaseModel):
    """The shape of `[usage]` in a catalogue; see `Usage`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slow_above_percent: float = Field(ge=0, lt=100)
    longest_pause_seconds: float = Field(gt=0)


def own_pace(known: Mapping[str, Any], account: AccountSettings) -> Mapping[str, Any]:
    """The limits and the breaker of a catalogue with the account's numbers in their places."""
    limits = dict(known.get("limits", {}))
    for bucket, own in account.limits.items():
        limits[bucket] = {**limits.get(bucket, {}), **own.model_dump(exclude_none=True)}
    breaker = {**known.get("breaker", {}), **account.breaker.model_dump(exclude_none=True)}
    return {"limits": limits, "breaker": breaker}


def limits_of(buckets: Mapping[Any, LimitSettings]) -> Mapping[str, Limits]:
    """The limits of each bucket."""
    return MappingProxyType({bucket: Limits(**limits.model_dump()) for bucket, limits in buckets.items()})


def usage_of(keys: UsageKeys | None) -> Usage | None:
    """What `[usage]` says."""
    if keys is None:
        return None
    longest = timedelta(seconds=keys.longest_pause_seconds)
    return Usage(slow_above=keys.slow_above_percent, longest_pause=longest)


def breaker_of(keys: BreakerSettings) -> Breaker:
    """What `[breaker]` says; the rest as it is everywhere."""
    given = keys.model_dump(exclude_none=True)
    for name in ("first_pause", "longest_pause"):
        if f"{name}_minutes" in given:
            given[name] = timedelta(minutes=given.pop(f"{name}_minutes"))
    return Breaker(**given)
