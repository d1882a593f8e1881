"""Reddit's Conversions API v3: `POST /api/v3/pixels/{pixel}/conversion_events`, all events or none.

Source: specs/meta_tiktok_linkedin_microsoft.md §4.2, §7; vendor's v3 reference "Post Conversion Events"
(ads-api.reddit.com/docs/v3) for the enums, times in milliseconds and the error envelope.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from conversion_sync.sandbox.entries import Conversion, Copies
from conversion_sync.sandbox.exchange import Call, Reply, endpoint
from conversion_sync.sandbox.reddit_rules import MOST_EVENTS, event_fault, schema_fault
from conversion_sync.sandbox.vendors import Vendors

PATH = "/api/v3/pixels/{pixel}/conversion_events"
DEDUP = timedelta(days=2)


def app(vendors: Vendors) -> Starlette:
    """Conversion events of one pixel."""
    send = endpoint(vendors, "reddit", conversion_events, lambda call: call.path_values["pixel"])
    return Starlette(routes=[Route(PATH, send, methods=["POST"])])


def conversion_events(vendors: Vendors, call: Call) -> Reply:
    """Take a batch in; of equal (event type, conversion_id) within two days one counts.

    Reddit keeps the richer copy of two; copies here are the same, so the first stands for both.
    """
    events = _access_fault(vendors, call) or _events(call.body)
    if isinstance(events, Reply):
        return events
    now = vendors.clock.now()
    invalid = [(event, fault) for event in events if (fault := event_fault(event, now))]
    if invalid:
        return _invalid(invalid)
    for event in events:
        copy = _conversion(vendors, event, now)
        vendors.books.accept(copy, Copies.FIRST_IN_WINDOW_COUNTS, DEDUP)
    return Reply(body={"data": {"message": f"Successfully processed {len(events)} conversion events."}})


def _access_fault(vendors: Vendors, call: Call) -> Reply | None:
    if call.bearer != vendors.credentials.reddit_conversion_token:
        return _refusal(401, "This server could not verify that you are authorized.")
    if call.path_values["pixel"] != vendors.credentials.reddit_pixel_id:
        return _refusal(403, "You do not have access to this pixel.")
    return None


def _events(text: bytes) -> list[Mapping[str, Any]] | Reply:
    """The events of a body that can be read, else why it cannot."""
    try:
        body = json.loads(text, parse_float=Decimal, parse_constant=_not_a_number)
    except ValueError as broken:
        return _refusal(400, f"JSON error: {broken}")
    data = body.get("data") if isinstance(body, dict) else None
    events = data.get("events") if isinstance(data, dict) else None
    if not isinstance(events, list) or not events:
        return _refusal(400, "missing events")
    if len(events) > MOST_EVENTS:
        return _refusal(400, f"events must not hold more than {MOST_EVENTS} items")
    malformed = next((fault for event in events if (fault := schema_fault(event))), None)
    return _refusal(400, malformed) if malformed else events


def _not_a_number(name: str) -> None:
    raise ValueError(f"unexpected value {name}")


def _invalid(events: list[tuple[Mapping[str, Any], str]]) -> Reply:
    """No position is told: each bad event comes back beside its fault."""
    body = {
        "message": f"There were {len(events)} invalid conversion events. None were processed.",
        "invalid_events": [{"error_message": fault, "event": _plain(event)} for event, fault in events],
    }
    return Reply(status=400, body=body)


def _plain(value: Any) -> Any:
    """JSON again, of what was read with exact decimals."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    return [_plain(member) for member in value] if isinstance(value, list) else value


def _conversion(vendors: Vendors, event: Mapping[str, Any], now: datetime) -> Conversion:
    metadata = event.get("metadata") or {}
    click_id = event.get("click_id") or ""
    value = metadata.get("value")
    seconds, milliseconds = divmod(event["event_at"], 1000)
    return Conversion(
        platform="reddit",
        account=vendors.credentials.reddit_pixel_id,
        action=event["type"].get("custom_event_name") or event["type"]["tracking_type"],
        vendor_id=metadata.get("conversion_id") or "",
        click_kind="rdt_cid" if click_id else "",
        click_id=click_id,
        matched=vendors.clicks.find("rdt_cid", click_id) is not None,
        value=None if value is None else Decimal(str(value)),
        currency=metadata.get("currency"),
        occurred_at=datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=milliseconds),
        received_at=now,
    )


def _refusal(status: int, message: str) -> Reply:
    return Reply(status=status, body={"error": {"code": status, "message": message}})
