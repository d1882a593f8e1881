"""What a delivery did so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from conversion_sync.model.conversion import Outbound
from conversion_sync.platforms.platform import RowResult, SendResult


@dataclass(slots=True)
class Tally:
    """Counts of rows by outcome class, what stopped it, and what a check without sending refused."""

    requests: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    recovered: int = 0
    settlements: Counter[str] = field(default_factory=Counter)
    stopped: SendResult | None = None
    refused: list[tuple[Outbound, RowResult]] = field(default_factory=list)
