"""The fault plan: which request of which vendor goes wrong, and how.

A rule counts the requests it matches from the moment it was added and acts on number `nth` and the
`times - 1` after it, or on all from `nth` on for `seconds` of the sandbox's clock. Vendors: stripe, paddle,
google_oauth, data_manager, google_ads, meta, tiktok, linkedin, linkedin_oauth, tiktok_oauth,
microsoft_oauth, reddit, microsoft, lemon_squeezy.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

GRPC = frozenset({"google_ads", "data_manager"})


class RowError(BaseModel):
    """An error of the Google Ads API on a row: `group.NAME`, or `group.999` for one no client knows.

    `index` counts from the end when negative; without one the error names no row.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    error: str
    index: int | None = None


class Action(BaseModel):
    """What happens to the request. Without `status` or a cut connection only the delay is felt: before the
    vendor takes the request in, or after it with `after_accepting` and `drop_reply`.

    `body` is sent as JSON, or verbatim when it is a string. `close_before_reply` cuts the connection before
    anything is processed, `drop_reply` after the vendor took the request in. `after_accepting` gives
    `status` only once the request was processed. `hold` keeps the request `before` it is taken in, or its
    answer `after`, until the admin lets it go; `hang` takes it and never answers. `drip_seconds` sends an
    answer over HTTP a byte at a time, so long apart. `refuse` closes the vendor's port: nothing can connect.
    Google Ads and Data Manager speak gRPC: they have no `refuse`, and `grpc_status` in place of `status`;
    at Data Manager a text `body` is the status's message or, without one, the bytes of the answer.
    `grpc_error` is `group.NAME` (`quota_error.RESOURCE_TEMPORARILY_EXHAUSTED`) and travels in Google Ads'
    failure trailer; `grpc_details` are google.rpc messages in JSON and travel in Data Manager's status.
    `row_reason` makes every row of a Data Manager request fail with this processing error, and every row of
    a Microsoft Advertising request with this code; `row_errors` make some rows of a Google Ads upload fail.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    status: int | None = Field(default=None, ge=100, le=599)
    body: Any = None
    headers: Mapping[str, str] = Field(default_factory=dict)
    delay_seconds: float = Field(default=0.0, ge=0, le=600)
    close_before_reply: bool = False
    drop_reply: bool = False
    after_accepting: bool = False
    grpc_status: str | None = None
    grpc_error: str | None = None
    grpc_retry_delay_seconds: int | None = Field(default=None, ge=0)
    grpc_details: tuple[Mapping[str, Any], ...] = ()
    hang: bool = False
    refuse: bool = False
    hold: Literal["before", "after"] | None = None
    drip_seconds: float = Field(default=0.0, ge=0, le=600)
    row_reason: str | None = None
    row_errors: tuple[RowError, ...] = ()


class Rule(BaseModel):
    """Which requests. `times` of None means for ever, `seconds` bounds it on the sandbox's clock.

    A rule that refuses connections sees no request: it lasts for `seconds`, or until it is cleared.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    vendor: str
    path_contains: str = ""
    nth: int = Field(default=1, ge=1)
    times: int | None = Field(default=1, ge=1)
    seconds: float | None = Field(default=None, gt=0)
    action: Action

    @model_validator(mode="after")
    def _spoken(self) -> Self:
        if self.vendor in GRPC and (self.action.status is not None or self.action.refuse):
            raise ValueError(f"{self.vendor} speaks gRPC: grpc_status, not status, and no refuse")
        return self

    def matches(self, vendor: str, path: str) -> bool:
        """Whether the request is one this rule counts."""
        return vendor == self.vendor and self.path_contains in path

    def acts_on(self, number: int) -> bool:
        """Whether the rule acts on the matching request of this number."""
        return number >= self.nth and (self._last is None or number <= self._last)

    def is_spent(self, number: int) -> bool:
        """Whether the rule acts on nothing after the matching request of this number."""
        return self._last is not None and number >= self._last

    @property
    def _last(self) -> int | None:
        if self.times is None or self.seconds is not None or self.action.refuse:
            return None
        return self.nth + self.times - 1


@dataclass(slots=True)
class _Planned:
    """A rule, how many requests it has counted, and when it ends."""

    rule: Rule
    seen: int = 0
    until: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether its time is up; it begins with the first look at it."""
        if self.rule.seconds is None:
            return False
        self.until = self.until or now + timedelta(seconds=self.rule.seconds)
        return now >= self.until


class Faults:
    """Thread-safe. The first rule that acts wins; the others still count the request."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._lock = threading.Lock()
        self._rules = [_Planned(rule) for rule in rules]

    def add(self, rule: Rule) -> None:
        """Append a rule; it starts to count now."""
        with self._lock:
            self._rules.append(_Planned(rule))

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        with self._lock:
            self._rules = []

    def take(self, vendor: str, path: str, now: datetime | None = None) -> Action | None:
        """Count a request and say what shall happen to it. Spent rules are dropped."""
        chosen: Action | None = None
        with self._lock:
            self._drop_ended(now)
            for planned in self._rules:
                if not planned.rule.matches(vendor, path):
                    continue
                planned.seen += 1
                if chosen is None and planned.rule.acts_on(planned.seen):
                    chosen = planned.rule.action
            self._rules = [planned for planned in self._rules if not planned.rule.is_spent(planned.seen)]
        return chosen

    def refusing(self, now: datetime) -> frozenset[str]:
        """The vendors whose ports are closed at this moment."""
        with self._lock:
            self._drop_ended(now)
            return frozenset(planned.rule.vendor for planned in self._rules if planned.rule.action.refuse)

    def _drop_ended(self, now: datetime | None) -> None:
        if now is not None:
            self._rules = [planned for planned in self._rules if not planned.is_over(now)]

    @classmethod
    def from_json(cls, rules: Iterable[Mapping[str, Any]]) -> Faults:
        """A plan from its JSON form. Raises pydantic's ValidationError for a rule that makes no sense."""
        return cls(Rule.model_validate(rule) for rule in rules)

    def to_json(self) -> list[dict[str, Any]]:
        """The rules that are left, in their JSON form."""
        with self._lock:
            return [planned.rule.model_dump(mode="json", exclude_defaults=True) for planned in self._rules]
