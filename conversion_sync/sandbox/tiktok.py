"""TikTok's Events API 2.0: `POST /open_api/v1.3/event/track/`, which says everything with HTTP 200.

Source: specs/meta_tiktok_linkedin_microsoft.md §2.1 to §2.3, §7.2.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from conversion_sync.sandbox.entries import Conversion, Copies
from conversion_sync.sandbox.exchange import Call, Reply, endpoint
from conversion_sync.sandbox.tiktok_oauth import routes, token_fault
from conversion_sync.sandbox.tiktok_rules import SOURCES, Fault, batch_fault
from conversion_sync.sandbox.vendors import Vendors

PATH = "/open_api/v1.3/event/track/"
TOKEN_INFO = "/open_api/v1.3/tt_user/token_info/get/"
DEDUP = timedelta(hours=48)
SOURCE_ID = re.compile(rb'"event_source_id":\s*"([^"]*)"')


def app(vendors: Vendors) -> Starlette:
    """A batch is taken in or refused whole; consent and tokens stand beside it."""
    send = Route(PATH, endpoint(vendors, "tiktok", track, _pixel), methods=["POST"])
    look = Route(TOKEN_INFO, endpoint(vendors, "tiktok", token_info, lambda _: ""), methods=["POST"])
    return Starlette(routes=[send, look, *routes(vendors)])


def track(vendors: Vendors, call: Call) -> Reply:
    """Take a batch in; of equal (pixel, event, event_id) within 48 h the first counts (§2.2)."""
    refused = token_fault(vendors, call.headers.get("access-token", ""))
    if refused:
        return _answer(*refused, vendors)
    now = vendors.clock.now()
    try:
        body = json.loads(call.body, parse_float=Decimal, parse_constant=Decimal)
    except ValueError:
        return _answer(40002, "The request body is not valid JSON.", vendors)
    fault = _envelope_fault(vendors, body) or batch_fault(body["data"], body["event_source"], now)
    if fault:
        return _answer(fault.code, fault.message, vendors)
    for row in body["data"]:
        copy = _conversion(vendors, row, now)
        vendors.books.accept(copy, Copies.FIRST_IN_WINDOW_COUNTS, DEDUP)
    return _answer(0, "OK", vendors)


def token_info(vendors: Vendors, call: Call) -> Reply:
    """What a token is good for, told to its app (§2.4)."""
    body = json.loads(call.body) if call.body else {}
    refused = token_fault(vendors, str(body.get("access_token", "")))
    if refused:
        return _answer(*refused, vendors)
    if body.get("app_id") != vendors.credentials.tiktok_client_id:
        return _answer(40002, "The app id does not match the access token.", vendors)
    return _answer(0, "OK", vendors)


def _envelope_fault(vendors: Vendors, body: Any) -> Fault | None:
    if not isinstance(body, dict):
        return Fault(40002, "The request body must be an object.")
    source = body.get("event_source")
    if not isinstance(source, str) or source not in SOURCES:
        return Fault(40002, "Invalid value for event_source: must be web, app or offline.")
    pixel = body.get("event_source_id")
    if pixel != vendors.credentials.tiktok_pixel_code:
        return Fault(40001, f"No permission to operate pixel code: {pixel}")
    return None


def _conversion(vendors: Vendors, row: Mapping[str, Any], now: datetime) -> Conversion:
    properties = row.get("properties") or {}
    ttclid = str((row.get("user") or {}).get("ttclid") or "")
    value = properties.get("value")
    return Conversion(
        platform="tiktok",
        account=vendors.credentials.tiktok_pixel_code,
        action=row["event"],
        vendor_id=row.get("event_id") or "",
        click_kind="ttclid" if ttclid else "",
        click_id=ttclid,
        matched=vendors.clicks.find("ttclid", ttclid) is not None,
        value=None if value is None else Decimal(str(value)),
        currency=properties.get("currency"),
        occurred_at=datetime.fromtimestamp(row["event_time"], UTC),
        received_at=now,
    )


def _pixel(call: Call) -> str:
    found = SOURCE_ID.search(call.body)
    return found.group(1).decode() if found else ""


def _answer(code: int, message: str, vendors: Vendors) -> Reply:
    request_id = vendors.clock.now().strftime("%Y%m%d%H%M%S") + secrets.token_hex(9).upper()
    return Reply(body={"code": code, "message": message, "request_id": request_id, "data": {}})
