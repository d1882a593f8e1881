"""How the simulated Google Ads account stands: what it may do, what it agreed to, how its actions are set.

The admin interface changes it while the sandbox runs. Source: specs/google_ads.md §2.7, §8.1 to §8.3.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class ActionStanding(BaseModel):
    """A conversion action. `created_at` of None is long ago; enums by Google's names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = "UPLOAD_CLICKS"
    status: str = "ENABLED"
    counting: str = "MANY_PER_CLICK"
    lookback_days: int = Field(default=90, ge=1, le=90)
    always_default_value: bool = False
    primary: bool = True
    externally_attributed: bool = False
    created_at: AwareDatetime | None = None


class Standing(BaseModel):
    """One customer. `conversion_customer` of None is the customer itself.

    `refuses_rows` words a lacking permission on each row instead of on the request. `foreign_clicks` are
    those of another account's ads. `strict_identifiers` is the rule before October 2025, gclid or gbraid;
    `strict_copies` takes the same click and time for a copy even where the order ids differ.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    allow_listed: bool = False
    refuses_rows: bool = False
    enabled: bool = True
    project_approved: bool = True
    conversion_customer: str | None = None
    terms_accepted: bool = True
    leads_enabled: bool = True
    policy_prohibits: bool = False
    session_attributes_allowed: bool = False
    strict_identifiers: bool = False
    strict_copies: bool = False
    tracking_since: AwareDatetime | None = None
    foreign_clicks: frozenset[str] = frozenset()
    enabled_variables: frozenset[str] = frozenset()
    actions: Mapping[str, ActionStanding] = Field(default_factory=dict)

    def action(self, action_id: str) -> ActionStanding:
        """How one of the account's actions is set."""
        return self.actions.get(action_id, ActionStanding())


class Standings:
    """The standing of the moment. Thread-safe."""

    def __init__(self, standing: Standing | None = None) -> None:
        self._lock = threading.Lock()
        self._standing = standing or Standing()

    @property
    def now(self) -> Standing:
        """As it stands."""
        with self._lock:
            return self._standing

    def change(self, **members: Any) -> None:
        """Change some members, by their JSON form. Raises ValidationError for what makes no sense."""
        with self._lock:
            self._standing = Standing.model_validate(self._standing.model_dump() | members)

    def reset(self) -> None:
        """An account in order again, without a place on the allow-list."""
        with self._lock:
            self._standing = Standing()


def too_young(created_at: datetime | None, now: datetime, hours: int = 6) -> bool:
    """Whether an action made then takes no conversions yet. Source: §2.5."""
    return created_at is not None and (now - created_at).total_seconds() < hours * 3600
