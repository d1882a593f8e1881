"""What ends at a known time, and when that becomes a person's business: API versions, tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Urgency(StrEnum):
    """How near an end is."""

    LASTS = "lasts"
    SOON = "soon"
    """To be told: there is time to act."""
    NOW = "now"
    """A failure already, so that somebody acts before it is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """`what` ends at `ends`, aware UTC, None where no end is known; `remedy` says what to do before.

    It is told `soon` before its end, and a failure from `now` before it.
    """

    what: str
    ends: datetime | None
    remedy: str
    soon: timedelta
    now: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An end in words, as it stands at one moment. `remedy` is empty while it lasts."""

    urgency: Urgency
    text: str
    remedy: str = ""


def notice(expiry: Expiry, at: datetime) -> Notice:
    """How an end stands at a moment."""
    if expiry.ends is None:
        return Notice(urgency=Urgency.LASTS, text=f"{expiry.what}, no end announced")
    day, left = expiry.ends.strftime("%Y-%m-%d"), expiry.ends - at
    if left > max(expiry.soon, expiry.now):
        return Notice(urgency=Urgency.LASTS, text=f"{expiry.what}, until {day}")
    return Notice(
        urgency=Urgency.NOW if left <= expiry.now else Urgency.SOON,
        text=f"{expiry.what} ends on {day}." if left > timedelta(0) else f"{expiry.what} ended on {day}.",
        remedy=expiry.remedy,
    )
