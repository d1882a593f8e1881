"""Microsoft Advertising's Campaign Management API over REST: offline conversions, adjustments, goals.

A bad row fails alone, in `PartialErrors`. A second conversion of the same click, goal and time is ignored
without a word, and so is an adjustment of a conversion nobody knows: no code stands for either.
Source: specs/meta_tiktok_linkedin_microsoft.md §4.1, §7.4.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from conversion_sync.sandbox.entries import Adjustment, Conversion, Copies
from conversion_sync.sandbox.exchange import Call, Reply, endpoint
from conversion_sync.sandbox.microsoft_codes import CODES
from conversion_sync.sandbox.microsoft_goals import as_json, goals
from conversion_sync.sandbox.microsoft_oauth import routes, token_fault
from conversion_sync.sandbox.microsoft_rules import (
    RETRACT,
    Fault,
    adjustment_fault,
    conversion_fault,
    read_time,
)
from conversion_sync.sandbox.vendors import Vendors

PLATFORM = "microsoft_ads"
API = "/CampaignManagement/v13"
MOST_ROWS = 1000
FOR_EVER = timedelta.max
STATUSES = {0: 500, 105: 401, 109: 401, 117: 429}
"""Which HTTP status goes with which code is not established; others come with 400."""

RowFault = Callable[[Vendors, Mapping[str, Any], datetime], Fault | None]
TakeIn = Callable[[Vendors, Mapping[str, Any], datetime], None]


def app(vendors: Vendors) -> Starlette:
    """Two lists to apply, the goals they name, consent and tokens."""

    def post(path: str, answer: Callable[[Vendors, Call], Reply]) -> Route:
        return Route(API + path, endpoint(vendors, "microsoft", answer, _account), methods=["POST"])

    return Starlette(
        routes=[
            post("/OfflineConversions/Apply", apply_conversions),
            post("/OfflineConversionAdjustments/Apply", apply_adjustments),
            post("/ConversionGoals/QueryByIds", query_goals),
            *routes(vendors),
        ]
    )


def apply_conversions(vendors: Vendors, call: Call) -> Reply:
    """Takes the good rows in, names the others."""
    return _apply(vendors, call, "OfflineConversions", conversion_fault, _take_in)


def apply_adjustments(vendors: Vendors, call: Call) -> Reply:
    """Restates and retracts what the account has."""
    return _apply(vendors, call, "OfflineConversionAdjustments", adjustment_fault, _adjust)


def query_goals(vendors: Vendors, call: Call) -> Reply:
    """Every goal of the types asked for; `ConversionGoalTypes` is a text of names with commas."""
    refused = _gate(vendors, call)
    if refused:
        return refused
    body = _read(call)
    asked = body.get("ConversionGoalTypes") if isinstance(body, dict) else None
    if not isinstance(asked, str) or not isinstance(body, dict):
        return api_fault([_batch_error(0, Fault(0, "ConversionGoalTypes"))])
    types = {name.strip() for name in asked.split(",")}
    ids = body.get("ConversionGoalIds")
    found = [as_json(goal) for goal in goals(vendors) if goal.type in types]
    chosen = [goal for goal in found if not ids or goal["Id"] in {str(each) for each in ids}]
    return Reply(body={"ConversionGoals": chosen, "PartialErrors": []})


def request_fault(code: int) -> Reply:
    """The envelope of a request that did not get in, or not through."""
    error = {"Code": code, "Detail": None, "ErrorCode": CODES[code].symbol, "Message": CODES[code].text}
    body = {"TrackingId": str(uuid.uuid4()), "Type": "AdApiFaultDetail", "Errors": [error]}
    return Reply(status=STATUSES.get(code, 400), body=body)


def api_fault(batch: Sequence[Mapping[str, Any]] = (), operation: int | None = None) -> Reply:
    """The envelope of a list that was refused whole."""
    errors = []
    if operation is not None:
        known = CODES[operation]
        errors = [{"Code": operation, "Details": None, "ErrorCode": known.symbol, "Message": known.text}]
    body = {
        "TrackingId": str(uuid.uuid4()),
        "Type": "ApiFaultDetail",
        "OperationErrors": errors,
        "BatchErrors": list(batch),
    }
    return Reply(status=400, body=body)


def _apply(vendors: Vendors, call: Call, name: str, fault_of: RowFault, take_in: TakeIn) -> Reply:
    refused = _gate(vendors, call)
    if refused:
        return refused
    body = _read(call)
    rows = body.get(name) if isinstance(body, dict) else None
    if not isinstance(rows, list) or not rows:
        return api_fault(operation=5600)
    if len(rows) > MOST_ROWS:
        return api_fault(operation=5601)
    nulls = [place for place, row in enumerate(rows) if not isinstance(row, dict)]
    if nulls:
        return api_fault([_batch_error(place, Fault(5602, "")) for place in nulls])
    now, errors = vendors.clock.now(), []
    for place, row in enumerate(rows):
        fault = Fault(int(call.row_reason), "") if call.row_reason else fault_of(vendors, row, now)
        if fault is None:
            take_in(vendors, row, now)
        else:
            errors.append(_batch_error(place, fault))
    return Reply(body={"PartialErrors": errors})


def _gate(vendors: Vendors, call: Call) -> Reply | None:
    """The four headers. Source: §4.1."""
    known = vendors.credentials
    refused = token_fault(vendors, call.bearer)
    if refused:
        return request_fault(refused)
    if call.headers.get("developertoken") != known.microsoft_developer_token:
        return request_fault(105)
    account = (call.headers.get("customerid"), call.headers.get("customeraccountid"))
    if account != (known.microsoft_customer_id, known.microsoft_account_id):
        return request_fault(106)
    return None


def _read(call: Call) -> Any:
    try:
        return json.loads(call.body, parse_float=Decimal, parse_constant=Decimal)
    except ValueError:
        return None


def _take_in(vendors: Vendors, row: Mapping[str, Any], now: datetime) -> None:
    value, click = row.get("ConversionValue"), row["MicrosoftClickId"]
    occurred_at = read_time(row["ConversionTime"])
    assert occurred_at is not None
    conversion = Conversion(
        platform=PLATFORM,
        account=vendors.credentials.microsoft_account_id,
        action=row["ConversionName"],
        vendor_id=_identity(row),
        click_kind="msclkid",
        click_id=click,
        matched=vendors.clicks.find("msclkid", click) is not None,
        value=None if value is None else Decimal(value),
        currency=row.get("ConversionCurrencyCode"),
        occurred_at=occurred_at,
        received_at=now,
    )
    vendors.books.accept(conversion, Copies.FIRST_IN_WINDOW_COUNTS, FOR_EVER)


def _adjust(vendors: Vendors, row: Mapping[str, Any], now: datetime) -> None:
    account, name = vendors.credentials.microsoft_account_id, row["ConversionName"]
    entry = vendors.books.find(PLATFORM, account, name, _identity(row))
    at = read_time(row["AdjustmentTime"])
    if entry is None or at is None:
        return
    value = None if row["AdjustmentType"] == RETRACT else Decimal(row["AdjustmentValue"])
    adjustment = Adjustment(at=at, value=value, currency=row.get("AdjustmentCurrencyCode"), received_at=now)
    vendors.books.adjust(entry, adjustment)


def _identity(row: Mapping[str, Any]) -> str:
    """What makes a conversion of a goal the same one: its click and its time."""
    at = read_time(row["ConversionTime"])
    return f"{row['MicrosoftClickId']} {at.isoformat() if at else ''}"


def _batch_error(place: int, fault: Fault) -> dict[str, Any]:
    known = CODES[fault.code]
    return {
        "Code": fault.code,
        "Details": None,
        "ErrorCode": known.symbol,
        "FieldPath": fault.field or None,
        "ForwardCompatibilityMap": None,
        "Index": place,
        "Message": known.text,
        "Type": "BatchError",
    }


def _account(call: Call) -> str:
    return call.headers.get("customeraccountid", "")
