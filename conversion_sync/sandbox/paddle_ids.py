"""Paddle's names: a prefix and a ULID, whose first characters are the time the thing was made.

Source: specs/billing.md §3.1 (the time inside an event's id matches `occurred_at` to within 7 ms).
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
LENGTH = 26
JITTER = 7
"""Milliseconds by which an event's id may be younger than the event."""
LAUNCH = datetime(2023, 8, 1, tzinfo=UTC)
"""When the company set up its products."""


def name(prefix: str, at: datetime, what: str) -> str:
    """The id of `what`, made at a moment. Deterministic."""
    digest = hashlib.sha256(what.encode()).digest()
    milliseconds = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    number = milliseconds << 80 | int.from_bytes(digest[:10], "big")
    text = ""
    for _ in range(LENGTH):
        number, place = divmod(number, len(ALPHABET))
        text = ALPHABET[place] + text
    return f"{prefix}_{text}"


def event_name(at: datetime, what: str) -> str:
    """The id of an event, a few milliseconds late."""
    late = hashlib.sha256(what.encode()).digest()[11] % (JITTER + 1)
    return name("evt", at + timedelta(milliseconds=late), what)


def price_name(price: str) -> str:
    """The id of a price."""
    return name("pri", LAUNCH, price)


def product_name(price: str) -> str:
    """The id of what a price is for: the plan, whatever its currency and interval."""
    return name("pro", LAUNCH, price.rsplit("_", 1)[1])


def stamp(moment: datetime) -> str:
    """RFC 3339 with as many digits as are needed, as Paddle writes it."""
    text = f"{moment:%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip(".")
    return f"{text}Z"
