"""Objects that were listed, as raw records: the same state of one is the same record, whenever it was listed.

The body is `{"listed_at": <when, ISO 8601 UTC>, "object": <the object as the provider gave it>}`. Of a state
listed twice the first stays, so `listed_at` is when it was first seen: as exact as a listing can say when a
subscription changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from conversion_sync.billing.provider import RawRecord

PREFIX = "object"
"""Begins the ids and types of listed objects: no provider's event is called so."""


def listed_record(
    thing: Mapping[str, Any],
    *,
    object_type: str,
    object_id: str,
    created_at: datetime,
    listed_at: datetime,
    livemode: bool,
    api_version: str | None = None,
    customer_ref: str | None = None,
    invoice_ref: str | None = None,
    payment_ref: str | None = None,
) -> RawRecord:
    """The record of an object. `created_at` is when it was made, `listed_at` when it was seen so."""
    digest = hashlib.sha256(json.dumps(thing, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    return RawRecord(
        event_id=f"{PREFIX}:{object_id}:{digest[:16]}",
        event_type=f"{PREFIX}.{object_type}",
        created_at=created_at,
        livemode=livemode,
        api_version=api_version,
        customer_ref=customer_ref,
        invoice_ref=invoice_ref,
        payment_ref=payment_ref,
        body=json.dumps(
            {"listed_at": listed_at.isoformat(), "object": thing}, separators=(",", ":"), ensure_ascii=False
        ),
    )


def read_listed(record: RawRecord) -> tuple[datetime, Any]:
    """When the object of a record was first seen so, and the object. Raises KeyError or ValueError."""
    body = json.loads(record.body)
    return datetime.fromisoformat(body["listed_at"]), body["object"]
