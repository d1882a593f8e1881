"""Stripe's events as raw records, whichever way they came.

Source: specs/billing.md §1.8 (snapshot and thin events).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.shapes import references
from conversion_sync.errors import DataError

THIN = "v2.core.event"
"""What a thin event says it is: it names an object and holds none."""


def record_of(event: Mapping[str, Any]) -> RawRecord:
    """An event as it is kept. Raises KeyError, TypeError or ValueError where it is none."""
    if event.get("object") == THIN:
        return _record(event, datetime.fromisoformat(event["created"]).astimezone(UTC), {})
    return _record(event, datetime.fromtimestamp(event["created"], UTC), event["data"]["object"])


def received(body: bytes, complete: Callable[[dict[str, Any]], None]) -> RawRecord:
    """The event in a webhook's body. Raises DataError where there is none.

    `complete` is handed an invoice that came with the first of its lines alone, and adds the rest.
    """
    try:
        event = json.loads(body)
        thing = {} if event.get("object") == THIN else event["data"]["object"]
        if lacks_lines(thing):
            complete(thing)
        return record_of(event)
    except (AttributeError, KeyError, OverflowError, OSError, RecursionError, TypeError, ValueError) as fault:
        raise DataError(
            f"The body of a Stripe webhook holds no event ({type(fault).__name__}).",
            remedy="Check which endpoint sends it here; the body is kept.",
        ) from None


def lacks_lines(thing: Mapping[str, Any]) -> bool:
    """Whether an object is an invoice with more lines than it embeds (specs/billing.md §1.5)."""
    lines = thing.get("lines")
    return thing.get("object") == "invoice" and isinstance(lines, Mapping) and bool(lines.get("has_more"))


def _record(event: Mapping[str, Any], created_at: datetime, thing: Mapping[str, Any]) -> RawRecord:
    named = references(thing)
    return RawRecord(
        event_id=str(event["id"]),
        event_type=str(event["type"]),
        created_at=created_at,
        livemode=bool(event.get("livemode")),
        api_version=event.get("api_version"),
        customer_ref=named.customer,
        invoice_ref=named.invoice,
        payment_ref=named.payment,
        body=json.dumps(event, separators=(",", ":"), ensure_ascii=False),
    )
