"""One of Stripe's objects as one record shows it: an event of it, or a listing.

Source: specs/billing.md §1.8 (an event's shape and time), §1.9 (listings).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from conversion_sync.billing.facts import Source
from conversion_sync.billing.listed import PREFIX, read_listed
from conversion_sync.billing.provider import RawRecord
from conversion_sync.model.revenue import Precision

Json = Mapping[str, Any]
NUL, REPLACEMENT = "\\u0000", "\\ufffd"
"""A character that JSON may hold and no text of a database."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """`at` is when the object was seen so: the event's time, or when it was first listed so.

    `kind` is the event's type or `object.<type>`; `previous` what an update says was before.
    """

    record: str
    kind: str
    at: datetime
    api_version: str | None
    livemode: bool
    listed: bool
    thing: Json
    previous: Json

    @property
    def precision(self) -> Precision:
        """How exact `at` is for what is seen to have changed."""
        return Precision.APPROXIMATED if self.listed else Precision.SECOND

    def source(self, object_type: str) -> Source:
        """Where a fact about this object is from."""
        return Source(
            object_type=object_type,
            object_id=id_of(self.thing),
            record=self.record,
            api_version=self.api_version,
            livemode=self.livemode,
        )


def seen(record: RawRecord) -> Seen | None:
    """What a record shows; None where it holds no object (a thin event).

    Raises KeyError, TypeError or ValueError where it lacks what every record of its kind has.
    """
    if NUL in record.body:
        record = replace(record, body=record.body.replace(NUL, REPLACEMENT))
    if record.event_type.startswith(f"{PREFIX}."):
        (at, thing), event = read_listed(record), {}
        previous: Json = {}
    else:
        event = json.loads(record.body)
        if event.get("object") == "v2.core.event":
            return None
        thing, at = event["data"]["object"], time_of(event["created"])
        previous = event["data"].get("previous_attributes") or {}
    if not isinstance(thing, Mapping) or not isinstance(previous, Mapping):
        raise TypeError
    return Seen(
        record=record.event_id,
        kind=record.event_type,
        at=at,
        api_version=record.api_version,
        livemode=bool(thing.get("livemode", event.get("livemode", record.livemode))),
        listed=record.event_type.startswith(f"{PREFIX}."),
        thing=thing,
        previous=previous,
    )


def time_of(seconds: int) -> datetime:
    """Aware UTC of Unix seconds. Raises TypeError, ValueError, OverflowError or OSError."""
    return datetime.fromtimestamp(seconds, UTC)


def moment(seconds: int | None) -> datetime | None:
    """Aware UTC of Unix seconds, where there are any."""
    return None if seconds is None else time_of(seconds)


def reference(value: object) -> str | None:
    """An id, whether it is given alone or inside an expanded object; None for what no database keeps."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return value if isinstance(value, str) and value and "\0" not in value else None


def id_of(thing: Json) -> str:
    """An object's id. Raises KeyError or TypeError where it has none."""
    if (name := reference(thing["id"])) is None:
        raise TypeError("no id")
    return name


def whole(value: object) -> int:
    """A whole number of minor units. Raises TypeError or ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("no whole number")
    if abs(value) >= 2**63:
        raise ValueError("more than a ledger holds")
    return value


def word(said: str) -> str:
    """A word nobody knows, as it is shown."""
    return said[:60] or "nothing"


def words(value: object) -> dict[str, str]:
    """Metadata as texts. Raises TypeError for what can hold none."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError("no metadata")
    return {str(key): str(text) for key, text in value.items() if text is not None}


def rows(value: object) -> list[Json]:
    """The objects of an embedded list. Raises TypeError for a list of anything else."""
    data = value.get("data") if isinstance(value, Mapping) else value
    if data is None:
        return []
    if not isinstance(data, list) or not all(isinstance(row, Mapping) for row in data):
        raise TypeError("no list of objects")
    return data
