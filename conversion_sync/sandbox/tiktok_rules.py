"""What TikTok holds against a batch; the first fault is the answer, with the row's index in its text.

Source: specs/meta_tiktok_linkedin_microsoft.md §2.2, §2.3, §7.2 rules 3 to 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from conversion_sync.sandbox.currencies import CURRENCIES

MOST_EVENTS = 1000
MAX_AGE = {
    "web": timedelta(days=7),
    "app": timedelta(days=28),
    "offline": timedelta(days=28),
    "crm": timedelta(days=28),
}
SOURCES = frozenset(MAX_AGE)
SKEW = timedelta(seconds=60)
HASHED = ("email", "phone", "external_id", "first_name", "last_name", "zip_code")
HASH = re.compile(r"[0-9a-f]{64}")
HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@dataclass(frozen=True, slots=True)
class Fault:
    """A code and its message."""

    code: int
    message: str


def batch_fault(data: Any, source: str, now: datetime) -> Fault | None:
    """The first fault of a batch, or None."""
    if not isinstance(data, list) or not data:
        return Fault(40002, "Invalid value for data: must be a non-empty list.")
    if len(data) > MOST_EVENTS:
        return Fault(40061, f"Invalid batch size: at most {MOST_EVENTS} events.")
    return next((fault for index, row in enumerate(data) for fault in _row(index, row, source, now)), None)


def _row(index: int, row: Any, source: str, now: datetime) -> Iterator[Fault]:
    if not isinstance(row, dict):
        yield _invalid(index, "", "not an object")
        return
    event_id, event = row.get("event_id"), row.get("event")
    if event_id is not None and not isinstance(event_id, str):
        yield _invalid(index, ".event_id", "not a valid string")
    if not isinstance(event, str) or not event:
        yield _invalid(index, ".event", "not a valid string")
    yield from _time(index, row.get("event_time"), source, now)
    yield from _user(index, row.get("user") or {})
    yield from _properties(index, row.get("properties") or {})


def _time(index: int, seconds: Any, source: str, now: datetime) -> Iterator[Fault]:
    if not isinstance(seconds, int) or isinstance(seconds, bool) or seconds <= 0:
        yield _invalid(index, ".event_time", "not a valid integer")
        return
    if seconds > (now + SKEW).timestamp():
        yield _invalid(index, ".event_time", "the time is in the future")
        return
    if now - datetime.fromtimestamp(seconds, UTC) > MAX_AGE[source]:
        yield _invalid(index, ".event_time", f"older than {MAX_AGE[source].days} days")


def _user(index: int, user: Any) -> Iterator[Fault]:
    if not isinstance(user, dict):
        yield _invalid(index, ".user", "not an object")
        return
    for name in HASHED:
        given = user.get(name)
        values = given if isinstance(given, list) else [] if given is None else [given]
        if not all(isinstance(value, str) and _is_hash(value) for value in values):
            yield Fault(40062, f"PII not hashed: data.{index}.user.{name}")
    for name in user.keys() - set(HASHED):
        if "@" in str(user[name]):
            yield Fault(40062, f"PII not hashed: data.{index}.user.{name}")


def _is_hash(value: str) -> bool:
    """A SHA-256, and not of nothing, which would join all who have no such identifier (§5.1)."""
    return HASH.fullmatch(value) is not None and value != HASH_OF_NOTHING


def _properties(index: int, properties: Any) -> Iterator[Fault]:
    if not isinstance(properties, dict):
        yield _invalid(index, ".properties", "not an object")
        return
    if "value" in properties and not _number(properties["value"]):
        yield _invalid(index, ".properties.value", "not a valid number")
    currency = properties.get("currency")
    if currency is not None and currency not in CURRENCIES:
        yield _invalid(index, ".properties.currency", "not a supported currency")
    contents = properties.get("contents") or []
    if not isinstance(contents, list) or not all(isinstance(item, dict) for item in contents):
        yield _invalid(index, ".properties.contents", "not a list of objects")
        return
    for place, item in enumerate(contents):
        if not isinstance(item.get("content_id", ""), str):
            place_text = f"Batch.{index}.properties.contents.{place}.content_id"
            yield Fault(40002, f"{place_text}: Not a valid string")


def _number(value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and Decimal(value).is_finite()


def _invalid(index: int, place: str, text: str) -> Fault:
    return Fault(40002, f"Invalid value for data.{index}{place}: {text}")
