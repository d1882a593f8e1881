"""Lemon Squeezy's objects and webhooks as raw records, whichever way an object came.

A webhook is two records. Its object is the record that the same state would be when listed. The webhook
itself keeps what no list tells, the checkout's custom data; it has no id and no time of its own, so it is
named by what it holds and dated by its object: however often it is delivered, it is one record.

Pre-signed addresses (`urls`) let whoever has them into the customer's account for a day and are new each
time: they are neither kept nor part of a state. Source: specs/billing.md §4.2, §4.3.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from conversion_sync.billing.listed import listed_record
from conversion_sync.billing.provider import RawRecord
from conversion_sync.errors import DataError

Json = Mapping[str, Any]
WEBHOOK = "webhook"
"""Begins the ids and types of webhooks' own records."""
BILLS = frozenset({"orders", "subscription-invoices"})


def is_resource(thing: object) -> bool:
    """Whether it is an object as JSON:API has them."""
    return (
        isinstance(thing, Mapping)
        and isinstance(thing.get("type"), str)
        and isinstance(thing.get("id"), str | int)
        and isinstance(thing.get("attributes"), Mapping)
    )


def moment(text: object) -> datetime | None:
    """Aware UTC of a time as the API writes it; None where there is none. Raises ValueError for nonsense."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError("a time is a text")  # noqa: TRY004 - one kind of fault for whatever is no time
    value = datetime.fromisoformat(text)
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)


def when(thing: Json, name: str) -> datetime | None:
    """A time of the object's, None where it is missing or none."""
    try:
        return moment(thing["attributes"].get(name))
    except (ValueError, OverflowError):
        return None


def record_of(thing: Json, seen_at: datetime) -> RawRecord:
    """An object as it was seen. It belongs to when it was made, or was seen, where it does not say when."""
    kept = {name: part for name, part in thing.items() if name in ("type", "id", "attributes")}
    kept["attributes"] = {name: part for name, part in thing["attributes"].items() if name != "urls"}
    return listed_record(
        kept,
        object_type=thing["type"],
        object_id=f"{thing['type']}:{thing['id']}",
        created_at=when(thing, "created_at") or seen_at,
        listed_at=seen_at,
        livemode=not thing["attributes"].get("test_mode"),
        customer_ref=_customer(thing),
        invoice_ref=f"{thing['type']}:{thing['id']}" if thing["type"] in BILLS else None,
    )


def _customer(thing: Json) -> str | None:
    named = thing["id"] if thing["type"] == "customers" else thing["attributes"].get("customer_id")
    return str(named) if isinstance(named, str | int) and named else None


def received(body: bytes, received_at: datetime) -> list[RawRecord]:
    """The object in a webhook's body, and the webhook. Raises DataError where it is none."""
    try:
        told = json.loads(body)
        meta, thing = told["meta"], told["data"]
        event = str(meta["event_name"])
        if is_resource(thing):
            return [record_of(thing, received_at), _webhook(event, meta, thing, body, received_at)]
        what = "JSON:API"
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as fault:
        what = type(fault).__name__
    raise DataError(
        f"The body of a Lemon Squeezy webhook holds no object ({what}).",
        remedy="Check which endpoint sends it here; the body is kept.",
    )


def _webhook(event: str, meta: Json, thing: Json, body: bytes, received_at: datetime) -> RawRecord:
    names = ("customer_id", "order_id", "subscription_id", "created_at", "updated_at", "test_mode")
    about = {
        "type": thing["type"],
        "id": str(thing["id"]),
        "attributes": {name: thing["attributes"].get(name) for name in names},
    }
    changed = thing["attributes"].get("updated_at")
    digest = hashlib.sha256(body).hexdigest()[:16]
    return RawRecord(
        event_id=f"{WEBHOOK}:{thing['type']}:{thing['id']}:{changed}:{digest}",
        event_type=f"{WEBHOOK}.{event}",
        created_at=when(thing, "updated_at") or when(thing, "created_at") or received_at,
        livemode=not meta.get("test_mode", thing["attributes"].get("test_mode")),
        api_version=None,
        customer_ref=_customer(thing),
        invoice_ref=None,
        payment_ref=None,
        body=json.dumps({"meta": meta, "data": about}, separators=(",", ":"), ensure_ascii=False),
    )
