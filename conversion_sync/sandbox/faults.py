"""The fault plan: which request of which vendor goes wrong, and how.

A rule counts the requests it matches from the moment it was added and acts on number `nth` and the
`times - 1` after it. Vendors: stripe, google_oauth, data_manager, google_ads, meta, tiktok, linkedin,
linkedin_oauth, tiktok_oauth, microsoft_oauth, reddit, microsoft.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


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
    answer `after`, until the admin lets it go. `drip_seconds` sends an answer over HTTP a byte at a time, so
    long apart. `grpc_error` is `group.NAME` (`quota_error.RESOURCE_TEMPORARILY_EXHAUSTED`) and travels in
    the failure trailer. `row_reason` makes every row of a Data Manager request fail with this processing
    error, and every row of a Microsoft Advertising request with this code; `row_errors` make some rows of a
    Google Ads upload fail.
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
    hold: Literal["before", "after"] | None = None
    drip_seconds: float = Field(default=0.0, ge=0, le=600)
    row_reason: str | None = None
    row_errors: tuple[RowError, ...] = ()


class Rule(BaseModel):
    """Which requests. `times` of None means for ever."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vendor: str
    path_contains: str = ""
    nth: int = Field(default=1, ge=1)
    times: int | None = Field(default=1, ge=1)
    action: Action

    def matches(self, vendor: str, path: str) -> bool:
        """Whether the request is one this rule counts."""
        return vendor == self.vendor and self.path_contains in path

    def acts_on(self, number: int) -> bool:
        """Whether the rule acts on the matching request of this number."""
        return number >= self.nth and (self.times is None or number < self.nth + self.times)


class Faults:
    """Thread-safe. The first rule that acts wins; the others still count the request."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self._lock = threading.Lock()
        self._rules = [(rule, 0) for rule in rules]

    def add(self, rule: Rule) -> None:
        """Append a rule; it starts to count now."""
        with self._lock:
            self._rules.append((rule, 0))

    def clear(self) -> None:
        """From now on nothing goes wrong."""
        with self._lock:
            self._rules = []

    def take(self, vendor: str, path: str) -> Action | None:
        """Count a request and say what shall happen to it. Spent rules are dropped."""
        chosen: Action | None = None
        kept: list[tuple[Rule, int]] = []
        with self._lock:
            for rule, seen in self._rules:
                number = seen + rule.matches(vendor, path)
                if number > seen and chosen is None and rule.acts_on(number):
                    chosen = rule.action
                if rule.times is None or number < rule.nth + rule.times - 1:
                    kept.append((rule, number))
            self._rules = kept
        return chosen

    @classmethod
    def from_json(cls, rules: Iterable[Mapping[str, Any]]) -> Faults:
        """A plan from its JSON form. Raises pydantic's ValidationError for a rule that makes no sense."""
        return cls(Rule.model_validate(rule) for rule in rules)

    def to_json(self) -> list[dict[str, Any]]:
        """The rules that are left, in their JSON form."""
        with self._lock:
            return [rule.model_dump(mode="json", exclude_defaults=True) for rule, _ in self._rules]
