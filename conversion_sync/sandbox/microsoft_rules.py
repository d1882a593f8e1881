"""What Microsoft Advertising holds against one offline conversion or adjustment: the first fault of each row.

Source: specs/meta_tiktok_linkedin_microsoft.md §4.1, §7.4.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from conversion_sync.sandbox.currencies import CURRENCIES
from conversion_sync.sandbox.microsoft_goals import offline_goal
from conversion_sync.sandbox.vendors import Vendors

OLDEST = timedelta(days=90)
GOAL_READY_AFTER = timedelta(hours=2)
CLICK_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,7}))?Z")
HASH = re.compile(r"[0-9a-f]{64}")
HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
HASHED = ("HashedEmailAddress", "HashedPhoneNumber")
RESTATE, RETRACT = "Restate", "Retract"


@dataclass(frozen=True, slots=True)
class Fault:
    """A code and the member it is about."""

    code: int
    field: str


def conversion_fault(vendors: Vendors, row: Mapping[str, Any], now: datetime) -> Fault | None:
    """The first fault of an offline conversion, or None."""
    return next(_conversion_faults(vendors, row, now), None)


def adjustment_fault(vendors: Vendors, row: Mapping[str, Any], now: datetime) -> Fault | None:
    """The first fault of an adjustment, or None."""
    return next(_adjustment_faults(vendors, row, now), None)


def read_time(value: Any) -> datetime | None:
    """A time in UTC with at most seven digits of a second, of which six are kept; None when it is none."""
    found = TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    try:
        whole = datetime.fromisoformat(found.group(1)).replace(tzinfo=UTC)
    except ValueError:
        return None
    return whole + timedelta(microseconds=int((found.group(2) or "").ljust(7, "0")[:6]))


def _conversion_faults(vendors: Vendors, row: Mapping[str, Any], now: datetime) -> Iterator[Fault]:
    yield from _named(vendors, row, now)
    at = read_time(row["ConversionTime"])
    if at is not None and at > now:
        yield Fault(5614, "ConversionTime")
    value, currency = row.get("ConversionValue"), row.get("ConversionCurrencyCode")
    yield from _money(value, currency, "ConversionValue", "ConversionCurrencyCode")
    for name in HASHED:
        hashed = row.get(name)
        if hashed is not None and (hashed == HASH_OF_NOTHING or not HASH.fullmatch(str(hashed))):
            yield Fault(9999, name)
    goal = offline_goal(vendors, row["ConversionName"])
    if goal is None or at is None:
        return
    if now - goal.created_at < GOAL_READY_AFTER:
        yield Fault(5615, "ConversionName")
    click = vendors.clicks.find("msclkid", row["MicrosoftClickId"])
    if click is not None and at <= click.clicked_at:
        yield Fault(5616, "ConversionTime")
    if click is not None and at - click.clicked_at > goal.span:
        yield Fault(5617, "MicrosoftClickId")


def _adjustment_faults(vendors: Vendors, row: Mapping[str, Any], now: datetime) -> Iterator[Fault]:
    yield from _named(vendors, row, now)
    kind = row.get("AdjustmentType")
    if kind not in (RESTATE, RETRACT):
        yield Fault(5618, "AdjustmentType")
    goal = offline_goal(vendors, row["ConversionName"])
    if goal is not None and not goal.adjustable:
        yield Fault(5627, "AdjustmentType")
    yield from _adjustment_time(row, now)
    value, currency = row.get("AdjustmentValue"), row.get("AdjustmentCurrencyCode")
    if kind == RETRACT and value is not None:
        yield Fault(5624, "AdjustmentValue")
    if kind == RESTATE and value is None:
        yield Fault(5625, "AdjustmentValue")
    if kind == RESTATE and not currency:
        yield Fault(5626, "AdjustmentCurrencyCode")
    if kind == RESTATE:
        yield from _money(value, currency, "AdjustmentValue", "AdjustmentCurrencyCode")


def _adjustment_time(row: Mapping[str, Any], now: datetime) -> Iterator[Fault]:
    given, field = row.get("AdjustmentTime"), "AdjustmentTime"
    if given in (None, ""):
        yield Fault(5619, field)
        return
    at, occurred_at = read_time(given), read_time(row["ConversionTime"])
    if at is None or occurred_at is None:
        yield Fault(5621, field)
        return
    if at > now:
        yield Fault(5622, field)
    if now - at > OLDEST:
        yield Fault(5623, field)
    if at < occurred_at:
        yield Fault(5620, field)


def _named(vendors: Vendors, row: Mapping[str, Any], now: datetime) -> Iterator[Fault]:
    """What both kinds of rows name a conversion by."""
    click, name, time = (row.get(key) for key in ("MicrosoftClickId", "ConversionName", "ConversionTime"))
    if not click:
        yield Fault(5603, "MicrosoftClickId")
    elif not isinstance(click, str) or not CLICK_ID.fullmatch(click):
        yield Fault(5604, "MicrosoftClickId")
    if not name:
        yield Fault(5605, "ConversionName")
    elif offline_goal(vendors, name) is None:
        yield Fault(5606, "ConversionName")
    if time in (None, ""):
        yield Fault(5608, "ConversionTime")
        return
    at = read_time(time)
    if at is None:
        yield Fault(5607, "ConversionTime")
    elif now - at > OLDEST:
        yield Fault(5609, "ConversionTime")


def _money(value: Any, currency: Any, value_field: str, currency_field: str) -> Iterator[Fault]:
    number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if value is not None and not (number and Decimal(value).is_finite() and value >= 0):
        yield Fault(5610, value_field)
    if currency is not None and currency not in CURRENCIES:
        yield Fault(5611, currency_field)
