"""What Reddit holds against an event: an unreadable shape refuses the request, anything else names the event.

Source: specs/meta_tiktok_linkedin_microsoft.md §4.2, §5, §7 (strict mode); vendor's v3 reference
"Post Conversion Events" (enums, milliseconds) and its help page on event metadata (which types bear a value).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from conversion_sync.sandbox.currencies import CURRENCIES

MOST_EVENTS = 1000
MAX_AGE = timedelta(hours=168)
SKEW = timedelta(minutes=5)
SOURCES = ("WEBSITE", "APP", "OTHER", "PHYSICAL_STORE")
VALUED = ("PURCHASE", "ADD_TO_CART", "ADD_TO_WISHLIST", "LEAD", "SIGN_UP", "CUSTOM")
TYPES = frozenset({*VALUED, "PAGE_VISIT", "VIEW_CONTENT", "SEARCH"})
MEMBERS: Mapping[str, Mapping[str, type | tuple[type, ...]]] = {
    "": {
        "event_at": int,
        "action_source": str,
        "event_source_url": str,
        "type": dict,
        "click_id": str,
        "user": dict,
        "metadata": dict,
    },
    "type": {"tracking_type": str, "custom_event_name": str},
    "user": {
        "email": str,
        "phone_number": str,
        "external_id": str,
        "ip_address": str,
        "user_agent": str,
        "idfa": str,
        "aaid": str,
        "uuid": str,
        "screen_dimensions": dict,
        "data_processing_options": dict,
    },
    "metadata": {
        "conversion_id": str,
        "currency": str,
        "value": (int, Decimal),
        "item_count": int,
        "products": list,
    },
}
HASHED = ("email", "phone_number", "external_id", "idfa", "aaid")
HASH = re.compile(r"[0-9a-f]{64}")
HASH_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
MATCH_KEYS = ("email", "phone_number", "external_id", "ip_address", "idfa", "aaid", "uuid")


def schema_fault(event: Any) -> str | None:
    """Why an event cannot be read at all; the message names no event."""
    return next(_schema(event), None)


def event_fault(event: Mapping[str, Any], now: datetime) -> str | None:
    """The first fault of an event that can be read, or None."""
    return next(_faults(event, now), None)


def _schema(event: Any) -> Iterator[str]:
    if not isinstance(event, dict):
        yield 'JSON error "unexpected type" on field "events"'
        return
    for place, known in MEMBERS.items():
        record = event.get(place, {}) if place else event
        for name, value in record.items():
            field = f"{place} {name}".strip()
            if name not in known:
                yield f'JSON error "unknown field" on field "{field}"'
            elif not isinstance(value, known[name]) or isinstance(value, bool):
                yield f'JSON error "unexpected type" on field "{field}"'
    for name in ("event_at", "action_source", "type"):
        if name not in event:
            yield f"missing {name}"
    if event["action_source"] not in SOURCES:
        yield f"invalid action_source: {event['action_source']}"


def _faults(event: Mapping[str, Any], now: datetime) -> Iterator[str]:
    yield from _time(event["event_at"], now)
    kind = event["type"].get("tracking_type")
    if kind not in TYPES:
        yield f"invalid tracking_type: {kind}"
    if kind == "CUSTOM" and not event["type"].get("custom_event_name"):
        yield "missing custom_event_name"
    user = event.get("user", {})
    yield from _user(user)
    if not event.get("click_id") and not any(user.get(name) for name in MATCH_KEYS):
        yield "at least one match key is required"
    yield from _money(kind, event.get("metadata", {}))


def _time(milliseconds: int, now: datetime) -> Iterator[str]:
    at = timedelta(milliseconds=min(milliseconds, 10**14))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    if now - epoch - at >= MAX_AGE:
        yield "event_at timestamp must be less than 168h0m0s old"
    if at > now + SKEW - epoch:
        yield "event_at timestamp must not be in the future"


def _user(user: Mapping[str, Any]) -> Iterator[str]:
    """Identifiers as hashes, and no address of a person anywhere (§7, strict mode)."""
    for name in HASHED:
        value = user.get(name)
        if value is not None and (not HASH.fullmatch(value) or value == HASH_OF_NOTHING):
            yield f"{name} must be a SHA-256 hash"
    if any(isinstance(value, str) and "@" in value for value in user.values()):
        yield "user must not hold unhashed identifiers"


def _money(kind: str | None, metadata: Mapping[str, Any]) -> Iterator[str]:
    value, currency = metadata.get("value"), metadata.get("currency")
    if (value is None) != (currency is None):
        yield "value and currency must be sent together"
    if value is not None and kind not in VALUED:
        yield f"value is not supported for {kind}"
    if value is not None and value < 0:
        yield "value must not be negative"
    if currency is not None and currency not in CURRENCIES:
        yield f"invalid currency: {currency}"
