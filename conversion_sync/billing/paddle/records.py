"""Paddle's events and objects as raw records, whichever way they came.

A transaction is its own invoice; adjustments name it. Source: specs/billing.md §3.1, §3.3.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime

from conversion_sync.billing.listed import listed_record
from conversion_sync.billing.paddle.values import Json, is_text, moment, named, named_or_none, part, time_of
from conversion_sync.billing.provider import RawRecord
from conversion_sync.errors import DataError

UNKNOWN = "unknown"
"""The type of an event that says none."""


def record_of(event: Json, *, livemode: bool, fallback: datetime) -> RawRecord:
    """An event as it is kept, whatever it holds. Raises KeyError or TypeError for one without an id.

    One without a readable time has its id's, else the `fallback`.
    """
    thing = event.get("data")
    kind = named_or_none(event.get("event_type")) or UNKNOWN
    return RawRecord(
        event_id=named(event["event_id"]),
        event_type=kind,
        created_at=time_told(event, fallback),
        livemode=livemode,
        api_version=None,
        **_references(kind.split(".")[0], thing if isinstance(thing, Mapping) else {}),
        payment_ref=None,
        body=_text(event),
    )


def object_record(thing: Json, kind: str, *, livemode: bool, listed_at: datetime) -> RawRecord:
    """A listed object as it is kept; `kind` is transaction, adjustment or subscription."""
    name = named(thing["id"])
    try:
        created = moment(thing.get("created_at"))
    except (TypeError, ValueError, OverflowError):
        created = time_of(name) or listed_at
    return listed_record(
        thing,
        object_type=kind,
        object_id=name,
        created_at=created,
        listed_at=listed_at,
        livemode=livemode,
        **_references(kind, thing),
    )


def received(body: bytes, received_at: datetime, *, livemode: bool) -> RawRecord:
    """The event in a webhook's body. Raises DataError where there is none."""
    try:
        event = part(json.loads(body, parse_constant=_no_number))
        part(event["data"])
        return record_of(event, livemode=livemode, fallback=received_at)
    except (KeyError, OverflowError, RecursionError, TypeError, ValueError) as fault:
        raise DataError(
            f"The body of a Paddle webhook holds no event ({type(fault).__name__}).",
            remedy="Check which notification destination sends it here; the body is kept.",
        ) from None


def time_told(event: Json, fallback: datetime) -> datetime:
    """When an event happened."""
    try:
        return moment(event.get("occurred_at"))
    except (TypeError, ValueError, OverflowError):
        return time_of(event.get("event_id")) or fallback


def _references(entity: str, thing: Json) -> dict[str, str | None]:
    customer = thing.get("id") if entity == "customer" else thing.get("customer_id")
    bill = {"transaction": "id", "adjustment": "transaction_id", "subscription": "transaction_id"}
    return {
        "customer_ref": named_or_none(customer),
        "invoice_ref": named_or_none(thing.get(bill.get(entity, ""))),
    }


def _text(event: Json) -> str:
    """As it came; half a character, which no database keeps, is written by its number."""
    text = json.dumps(event, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text if is_text(text) else json.dumps(event, separators=(",", ":"), allow_nan=False)


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is no JSON")
