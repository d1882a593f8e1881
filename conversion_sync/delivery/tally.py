"""What a delivery did so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from conversion_sync.model.conversion import Outbound
from conversion_sync.platforms.platform import RowResult, SendResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Why an account is left alone: `what` is `breaker_open` or `parked`. Times aware UTC."""

    what: str
    since: datetime
    until: datetime
    why: str

    @property
    def sentence(self) -> str:
        """In words."""
        meant = "The platform is down" if self.what == "breaker_open" else "A quota is used up"
        return (
            f"{meant} since {self.since:%Y-%m-%d %H:%M} UTC ({self.why}). What is due stays planned and goes "
            f"on by itself from {self.until:%Y-%m-%d %H:%M:%S} UTC."
        )


@dataclass(slots=True)
class Tally:
    """Counts of rows by outcome class, what stopped it, and what a check without sending refused.

    `pause` is set while the account is left alone, whether this delivery found it so or left it so.
    """

    requests: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    recovered: int = 0
    settlements: Counter[str] = field(default_factory=Counter)
    stopped: SendResult | None = None
    pause: Pause | None = None
    refused: list[tuple[Outbound, RowResult]] = field(default_factory=list)
