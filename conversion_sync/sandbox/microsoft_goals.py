"""Conversion goals of the Microsoft Advertising account: those it has always had, and those a test adds.

Source: specs/meta_tiktok_linkedin_microsoft.md §4.1 (windows, two hours); names by the vendor's reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from conversion_sync.sandbox.vendors import Vendors

TOPIC = "microsoft_goals"
OFFLINE = "OfflineConversion"
FIRST_ID = 650001
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
LONGEST_WINDOW = 90 * 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """`window` is the conversion window in minutes; `adjustable` whether it takes adjustments."""

    name: str
    id: int = 0
    type: str = OFFLINE
    status: str = "Active"
    window: int = LONGEST_WINDOW
    count: str = "All"
    revenue: str = "VariableValue"
    created_at: datetime = LONG_AGO
    adjustable: bool = True

    @property
    def span(self) -> timedelta:
        """The conversion window."""
        return timedelta(minutes=self.window)


def add_goal(vendors: Vendors, goal: Goal) -> None:
    """Makes a goal, or changes the one of that name."""
    vendors.books.note(TOPIC, goal.name, asdict(goal) | {"created_at": goal.created_at.isoformat()})
    names = dict(vendors.books.noted(TOPIC, "names") or {})
    vendors.books.note(TOPIC, "names", names | {goal.name: True})


def goals(vendors: Vendors) -> Iterator[Goal]:
    """Every goal of the account."""
    added = dict(vendors.books.noted(TOPIC, "names") or {})
    known = [name for _, name in vendors.credentials.microsoft_goals]
    for place, name in enumerate([*known, *(name for name in added if name not in known)]):
        noted = vendors.books.noted(TOPIC, name) if name in added else None
        facts: dict[str, Any] = dict(noted or {"name": name})
        if noted:
            facts["created_at"] = datetime.fromisoformat(facts["created_at"])
        yield Goal(**facts | {"id": facts.get("id") or FIRST_ID + place})


def offline_goal(vendors: Vendors, name: object) -> Goal | None:
    """The offline goal of this name."""
    found = (goal for goal in goals(vendors) if goal.name == name and goal.type == OFFLINE)
    return next(found, None)


def as_json(goal: Goal) -> dict[str, Any]:
    """A goal as the API gives it."""
    return {
        "AttributionModelType": "LastClick",
        "ConversionWindowInMinutes": goal.window,
        "CountType": goal.count,
        "ExcludeFromBidding": False,
        "Id": str(goal.id),
        "Name": goal.name,
        "Revenue": {"CurrencyCode": "USD", "Type": goal.revenue, "Value": 0.0},
        "Scope": "Account",
        "Status": goal.status,
        "TagId": None,
        "TrackingStatus": "RecordingConversions",
        "Type": goal.type,
    }
