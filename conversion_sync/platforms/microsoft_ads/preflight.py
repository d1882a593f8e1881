"""What a conversion goal must be for its conversions to be taken in and to count as they are sent.

The API lists goals by type, not by name; they are looked up in the list.
Source: specs/meta_tiktok_linkedin_microsoft.md §4.1, §9.14; members of a goal by the vendor's reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from conversion_sync.platforms.http import Reply, members
from conversion_sync.platforms.platform import Finding
from conversion_sync.platforms.verdict import OK

OFFLINE, ACTIVE, EVERY = "OfflineConversion", "Active", "All"
TYPES = ("Url", "Duration", "PagesViewedPerVisit", "Event", "AppInstall", OFFLINE, "InStoreTransaction")
REVENUES = {"NoValue": "no value", "FixedValue": "its own fixed value"}


def query() -> dict[str, Any]:
    """The body that asks for every goal of the account."""
    return {"ConversionGoalIds": None, "ConversionGoalTypes": ",".join(TYPES)}


def goals_of(reply: Reply) -> Mapping[str, Mapping[str, object]] | None:
    """The goals an answer lists, by name; None when it lists none because it is no such answer."""
    listed = members(reply.document()).get("ConversionGoals")
    if reply.status != OK or not isinstance(listed, list):
        return None
    return {str(goal["Name"]): goal for goal in map(members, listed) if "Name" in goal}


def goal_findings(
    action: str, name: str, goals: Mapping[str, Mapping[str, object]], window: timedelta
) -> Iterator[Finding]:
    """What is wrong with an action's goal. `window` is how old clicks may be, as configured."""
    place = f"conversion goal {name} of action {action}"
    goal = goals.get(name)
    if goal is None:
        yield Finding(
            text=f"There is no {place} in this account.",
            remedy="Write conversion_name exactly as the offline conversion goal is called.",
        )
        return
    if goal.get("Type") != OFFLINE:
        yield Finding(
            text=f"The {place} is of type {goal.get('Type')}, which takes no offline conversions.",
            remedy="Make an offline conversion goal, wait two hours, and name that.",
        )
    if goal.get("Status") != ACTIVE:
        yield Finding(
            text=f"The {place} is {goal.get('Status')}.",
            remedy="Switch it on at Microsoft Advertising, or name another.",
        )
    yield from _counting(place, goal, window)


def _counting(place: str, goal: Mapping[str, object], window: timedelta) -> Iterator[Finding]:
    if goal.get("CountType") != EVERY:
        yield Finding(
            text=f"The {place} counts one conversion a click: later payments of a click do not count.",
            remedy="Set it to count all conversions, unless one a click is what you want.",
            blocking=False,
        )
    minutes = goal.get("ConversionWindowInMinutes")
    if type(minutes) is int and timedelta(minutes=minutes) < window:
        days = f"{minutes / 1440:g}"
        yield Finding(
            text=f"The {place} takes clicks of {days} days; older ones would be refused.",
            remedy=f"Set click_window_days: {days}, or widen the window at Microsoft Advertising.",
            blocking=False,
        )
    revenue = members(goal.get("Revenue")).get("Type")
    if isinstance(revenue, str) and revenue in REVENUES:
        yield Finding(
            text=f"The {place} counts {REVENUES[revenue]}, not what is sent.",
            remedy="Let its value vary at Microsoft Advertising.",
            blocking=False,
        )
