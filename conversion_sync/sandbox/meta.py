"""Meta's Graph API: `POST /{version}/{dataset}/events` and the dataset itself.

Source: specs/meta_tiktok_linkedin_microsoft.md §1.3 to §1.5, §7.1.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from conversion_sync.sandbox.entries import Conversion, Copies
from conversion_sync.sandbox.exchange import Call, Reply, endpoint
from conversion_sync.sandbox.meta_rules import Fault, event_fault
from conversion_sync.sandbox.vendors import Vendors

VERSIONS: Mapping[str, datetime | None] = MappingProxyType(
    {
        "v21.0": datetime(2027, 1, 21, tzinfo=UTC),
        "v22.0": datetime(2027, 5, 20, tzinfo=UTC),
        "v23.0": datetime(2027, 10, 8, tzinfo=UTC),
        "v24.0": datetime(2028, 2, 18, tzinfo=UTC),
        "v25.0": datetime(2028, 7, 29, tzinfo=UTC),
        "v26.0": None,
    }
)
"""When each ends; of the newest it is not announced. Source: §1.1."""
MOST_EVENTS = 1000
USAGE = {"x-app-usage": '{"call_count":28,"total_time":25,"total_cputime":25}'}


def app(vendors: Vendors) -> Starlette:
    """Events are taken in or refused as a whole request."""
    return Starlette(
        routes=[
            Route(
                "/{version}/{dataset}/events", endpoint(vendors, "meta", events, _dataset), methods=["POST"]
            ),
            Route("/{version}/{dataset}", endpoint(vendors, "meta", dataset, _dataset), methods=["GET"]),
        ]
    )


def dataset(vendors: Vendors, call: Call) -> Reply:
    """Say that a dataset exists, to whoever may see it."""
    return _refused_access(vendors, call, call.query) or Reply(
        body={"id": vendors.credentials.meta_dataset_id, "name": "Sandbox dataset"}, headers=USAGE
    )


def events(vendors: Vendors, call: Call) -> Reply:
    """Take a batch in. Every copy counts: server copies are not deduplicated among themselves (§1.4)."""
    try:
        members = _members(call)
        refused = _refused_access(vendors, call, members)
        if refused:
            return refused
        batch = _batch(members.get("data"))
    except ValueError as error:
        return _error(100, f"(#100) {error}")
    now = vendors.clock.now()
    for event in batch:
        fault = event_fault(event, now)
        if fault:
            return _invalid(fault)
    for event in batch:
        vendors.books.accept(_conversion(vendors, event, now), Copies.EACH_COUNTS)
    body = {"events_received": len(batch), "messages": [], "fbtrace_id": _trace()}
    return Reply(body=body, headers=USAGE)


def _dataset(call: Call) -> str:
    return call.path_values["dataset"]


def _members(call: Call) -> Mapping[str, Any]:
    """The request's parameters from a JSON body, or a form and the query. Raises ValueError."""
    if "json" not in call.headers.get("content-type", ""):
        return {**call.query, **call.form}
    body = read_json(call.body)
    if not isinstance(body, dict):
        raise ValueError("The request body must be an object")  # noqa: TRY004
    return {**call.query, **body}


def _batch(data: Any) -> list[dict[str, Any]]:
    """The events of `data`, each an object or its JSON text. Raises ValueError."""
    rows = read_json(data) if isinstance(data, str) else data
    if not isinstance(rows, list) or not 0 < len(rows) <= MOST_EVENTS:
        raise ValueError("param data must be an array of 1 to 1000 events.")
    batch = [read_json(row) if isinstance(row, str) else row for row in rows]
    if not all(isinstance(event, dict) for event in batch):
        raise ValueError("param data must be an array of objects.")
    return batch


def read_json(text: str | bytes) -> Any:
    """JSON with exact numbers; NaN and infinities become such decimals, for the rules to refuse."""
    return json.loads(text, parse_float=Decimal, parse_constant=Decimal)


def _refused_access(vendors: Vendors, call: Call, members: Mapping[str, Any]) -> Reply | None:
    """The version, the token, its proof and the dataset, in this order."""
    version = call.path_values["version"]
    ends = VERSIONS.get(version)
    if version not in VERSIONS or (ends is not None and vendors.clock.now() >= ends):
        return _error(2635, "(#2635) You are calling a deprecated version of the Graph API.")
    known = vendors.credentials
    token = members.get("access_token") or call.bearer
    if token != known.meta_access_token:
        return _error(190, "Invalid OAuth access token - Cannot parse access token", status=401)
    proof = members.get("appsecret_proof")
    if proof is not None and proof != appsecret_proof(known.meta_app_secret, known.meta_access_token):
        return _error(100, "Invalid appsecret_proof provided in the API argument")
    asked = call.path_values["dataset"]
    if asked != known.meta_dataset_id:
        text = (
            f"Unsupported post request. Object with ID '{asked}' does not exist, cannot be loaded "
            "due to missing permissions, or does not support this operation"
        )
        return _error(100, text, kind="GraphMethodException", error_subcode=33)
    return None


def appsecret_proof(app_secret: str, access_token: str) -> str:
    """Hex HMAC-SHA256 of the token under the app secret."""
    return hmac.new(app_secret.encode(), access_token.encode(), hashlib.sha256).hexdigest()


def _conversion(vendors: Vendors, event: Mapping[str, Any], now: datetime) -> Conversion:
    fbclid = _fbclid(event["user_data"].get("fbc"))
    custom = event.get("custom_data") or {}
    value = custom.get("value")
    return Conversion(
        platform="meta",
        account=vendors.credentials.meta_dataset_id,
        action=event["event_name"],
        vendor_id=str(event.get("event_id") or ""),
        click_kind="fbclid" if fbclid else "",
        click_id=fbclid,
        matched=vendors.clicks.find("fbclid", fbclid) is not None,
        value=None if value is None else Decimal(str(value)),
        currency=str(custom["currency"]).upper() if custom.get("currency") else None,
        occurred_at=datetime.fromtimestamp(event["event_time"], UTC),
        received_at=now,
    )


def _fbclid(fbc: Any) -> str:
    """The click id of `fb.<index>.<ms>.<fbclid>`, or ""; a marker of the parameter builder may follow."""
    parts = fbc.split(".") if isinstance(fbc, str) else []
    return parts[3] if len(parts) in {4, 5} and parts[0] == "fb" and parts[2].isdigit() else ""


def _invalid(fault: Fault) -> Reply:
    """An invalid parameter, explained in the token owner's language."""
    members: dict[str, Any] = {"is_transient": False}
    if fault.subcode:
        members["error_subcode"] = fault.subcode
    members |= {"error_user_title": fault.title, "error_user_msg": fault.text}
    return _error(100, "Invalid parameter", **members)


def _error(
    code: int, message: str, *, status: int = 400, kind: str = "OAuthException", **members: Any
) -> Reply:
    error = {"message": message, "type": kind, "code": code, **members, "fbtrace_id": _trace()}
    return Reply(status=status, body={"error": error})


def _trace() -> str:
    return "A" + secrets.token_urlsafe(16)
