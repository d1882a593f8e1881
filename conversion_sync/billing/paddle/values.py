"""Paddle's values: amounts as strings, times as RFC 3339, ids that hold their time.

Every reader raises ValueError or TypeError for what is none. Source: specs/billing.md §3.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

Json = Mapping[str, Any]
AMOUNT = re.compile(r"-?[0-9]{1,15}")
"""Anything longer is no money."""
NAME = re.compile(r"[a-z]+_([0-7][0-9a-hjkmnp-tv-z]{25})")
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
TIME_CHARACTERS = 10


def amount(value: object) -> int:
    """An amount in the lowest unit."""
    if not isinstance(value, str) or not AMOUNT.fullmatch(value):
        raise ValueError("an amount is a string of digits")
    return int(value)


def moment(value: object) -> datetime:
    """A time, aware UTC."""
    if not isinstance(value, str):
        raise TypeError("a time is a string")
    at = datetime.fromisoformat(value)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)


def moment_or_none(value: object) -> datetime | None:
    """A time that need not be."""
    return None if value is None else moment(value)


def named(value: object) -> str:
    """A text that must be."""
    if not isinstance(value, str) or not is_text(value):
        raise TypeError("an id is a string")
    return value


def named_or_none(value: object) -> str | None:
    """A text that need not be."""
    return value if isinstance(value, str) and is_text(value) else None


def is_text(value: str) -> bool:
    """Whether it is something a database keeps: not empty, no NUL, no half of a character."""
    return bool(value) and "\x00" not in value and not any("\ud800" <= each <= "\udfff" for each in value)


def part(value: object) -> Json:
    """An object within another."""
    if not isinstance(value, Mapping):
        raise TypeError("not an object")
    return value


def part_or_empty(value: object) -> Json:
    """An object that need not be."""
    return {} if value is None else part(value)


def parts(value: object) -> list[Json]:
    """A list of objects that need not be."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise TypeError("not a list")
    return [part(each) for each in value]


def count(value: object) -> int | None:
    """A quantity that need not be."""
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 10**9:
        raise TypeError("a quantity is a number")
    return value


def custom_data(thing: Json) -> dict[str, str]:
    """What the company left with it; only texts and numbers are names of anybody."""
    data = thing.get("custom_data")
    if not isinstance(data, Mapping):
        return {}
    return {
        str(key): str(value)
        for key, value in data.items()
        if isinstance(value, str | int)
        and not isinstance(value, bool)
        and is_text(f"{key}{value}")
        and value != ""
    }


def time_of(name: object) -> datetime | None:
    """When the thing of this id was made; None where the id holds no time."""
    found = NAME.fullmatch(name) if isinstance(name, str) else None
    if found is None:
        return None
    milliseconds = 0
    for character in found[1][:TIME_CHARACTERS]:
        milliseconds = milliseconds * len(ALPHABET) + ALPHABET.index(character)
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
