"""LinkedIn's Conversions API: `POST /rest/conversionEvents`, single or as a batch, and its rules.

Source: specs/meta_tiktok_linkedin_microsoft.md §3.1 to §3.4, §7.3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from conversion_sync.sandbox.entries import Conversion, Copies
from conversion_sync.sandbox.exchange import Call, Reply, endpoint
from conversion_sync.sandbox.linkedin_oauth import routes, token_fault
from conversion_sync.sandbox.linkedin_rules import RULE_URN, element_faults
from conversion_sync.sandbox.vendors import Vendors

MOST_ELEMENTS = 5000
MAX_AGE = timedelta(days=90)
SUNSET_DAY = 15
"""A monthly version dies on this day a year after its month."""


def app(vendors: Vendors) -> Starlette:
    """Conversion events, conversion rules, consent and tokens under /oauth/v2."""
    send = endpoint(vendors, "linkedin", conversion_events, lambda _: "linkedin")
    look = endpoint(vendors, "linkedin", conversion_rule, lambda _: "linkedin")
    return Starlette(
        routes=[
            Route("/rest/conversionEvents", send, methods=["POST"]),
            Route("/rest/conversions/{rule}", look, methods=["GET"]),
            *routes(vendors),
        ]
    )


def conversion_events(vendors: Vendors, call: Call) -> Reply:
    """Take one event or a batch in; a bad element refuses the whole request and is named by its index."""
    refused = _gateway_fault(vendors, call)
    if refused:
        return refused
    try:
        body = json.loads(call.body, parse_float=Decimal)
    except ValueError:
        return _refusal(400, "Invalid JSON in request body")
    batch = call.headers.get("x-restli-method", "").upper() == "BATCH_CREATE"
    elements = body.get("elements") if batch and isinstance(body, dict) else [body]
    if not isinstance(elements, list) or not 0 < len(elements) <= MOST_ELEMENTS:
        return _refusal(400, f"The batch must hold 1 to {MOST_ELEMENTS} elements")
    now = vendors.clock.now()
    refused = _schema_fault(elements, batch) or _rule_fault(vendors, elements) or _time_fault(elements, now)
    if refused:
        return refused
    for element in elements:
        vendors.books.accept(_conversion(vendors, element, now), Copies.EACH_COUNTS)
    return Reply(body={"elements": [{"status": 201} for _ in elements]}) if batch else Reply(status=201)


def conversion_rule(vendors: Vendors, call: Call) -> Reply:
    """A rule as the preflight reads it."""
    refused = _gateway_fault(vendors, call)
    if refused:
        return refused
    rule, tag = call.path_values["rule"], vendors.credentials.linkedin_tag_rule
    known = {rule_id: name for name, rule_id in vendors.credentials.linkedin_rules} | {tag: "tag"}
    if rule not in known:
        return _refusal(404, "Not Found")
    method = "INSIGHT_TAG" if rule == tag else "CONVERSIONS_API"
    return Reply(body={"id": int(rule), "name": known[rule], "enabled": True, "conversionMethod": method})


def active_versions(now: datetime) -> list[str]:
    """The monthly versions alive at a time, oldest first. Source: §3.1: each lives about 12 months."""
    months = [now.year * 12 + now.month - 1 - back for back in range(13)]
    if now.day >= SUNSET_DAY:
        months.pop()
    return [f"{month // 12}{month % 12 + 1:02d}" for month in reversed(months)]


def _gateway_fault(vendors: Vendors, call: Call) -> Reply | None:
    version = call.headers.get("linkedin-version", "")
    if not version:
        text = "A version must be present. Please specify a version by adding the LinkedIn-Version header."
        body = {"status": 400, "code": "VERSION_MISSING", "message": text}
        return Reply(status=400, body=body, headers={"X-Restli-Gateway-Error": "true"})
    if version not in active_versions(vendors.clock.now()):
        text = f"Requested version {version[:6]}01 is not active"
        return Reply(status=426, body={"status": 426, "code": "NONEXISTENT_VERSION", "message": text})
    return token_fault(vendors, call.bearer)


def _schema_fault(elements: list[Any], batch: bool) -> Reply | None:
    """All faults of all elements, in one text of many lines."""
    text = ""
    for index, element in enumerate(elements):
        lines = "".join(f"ERROR :: {line}\n" for line in element_faults(element))
        if lines:
            text += f"Index: {index}, {lines}" if batch else lines
    return _refusal(422, text) if text else None


def _rule_fault(vendors: Vendors, elements: list[dict[str, Any]]) -> Reply | None:
    tag = vendors.credentials.linkedin_tag_rule
    known = {rule_id for _, rule_id in vendors.credentials.linkedin_rules} | {tag}
    asked = [_rule(element) for element in elements]
    if not known.issuperset(asked):
        return _refusal(403, "No ad accounts found")
    bad = [index for index, rule in enumerate(asked) if rule == tag]
    text = "Incorrect conversions information provided. Conversion's method should be CONVERSIONS_API"
    return _refusal(400, f"{text}, indices {bad} (0-indexed)") if bad else None


def _time_fault(elements: list[dict[str, Any]], now: datetime) -> Reply | None:
    newest, oldest = now.timestamp() * 1000, (now - MAX_AGE).timestamp() * 1000
    bad = [i for i, e in enumerate(elements) if not oldest <= e["conversionHappenedAt"] <= newest]
    if not bad:
        return None
    text = "Conversion time should be within 90 days and not exceed current time"
    return _refusal(400, f"{text}, indices {bad} (0-indexed).")


def _rule(element: Mapping[str, Any]) -> str:
    return re.sub(RULE_URN, "", element["conversion"])


def _conversion(vendors: Vendors, element: Mapping[str, Any], now: datetime) -> Conversion:
    ids = {user_id["idType"]: user_id["idValue"] for user_id in element["user"]["userIds"]}
    click_id = ids.get("LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", "")
    money = element.get("conversionValue")
    seconds, milliseconds = divmod(element["conversionHappenedAt"], 1000)
    occurred_at = datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=milliseconds)
    return Conversion(
        platform="linkedin",
        account="linkedin",
        action=_rule(element),
        vendor_id=element.get("eventId") or "",
        click_kind="li_fat_id" if click_id else "",
        click_id=click_id,
        matched=vendors.clicks.find("li_fat_id", click_id) is not None,
        value=Decimal(money["amount"]) if money else None,
        currency=money["currencyCode"] if money else None,
        occurred_at=occurred_at,
        received_at=now,
    )


def _refusal(status: int, message: str) -> Reply:
    return Reply(status=status, body={"message": message, "status": status})
