"""Google's Data Manager API over REST: events in, and what became of them, by counts only, later.

Source: specs/google_ads.md §5.2 (request), §5.5 (two stages of errors), §5.6 (adjustments), §8.5 (rules).
"""

from __future__ import annotations

import json
import re
import secrets
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from conversion_sync.sandbox import google_tokens
from conversion_sync.sandbox.data_manager_rows import PREFIX, book
from conversion_sync.sandbox.data_manager_rules import Refusal, violations
from conversion_sync.sandbox.exchange import Call, Reply, endpoint
from conversion_sync.sandbox.google_tokens import Grant
from conversion_sync.sandbox.grants import TokenFault
from conversion_sync.sandbox.vendors import Vendors

TOPIC = "data_manager"
STATUS_LIFE = timedelta(days=50)
OPERATING_ACCOUNT = re.compile(rb'"operatingAccount":\s*\{[^}]*"accountId":\s*"(\d+)"')
HTTP_STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND"}


def app(vendors: Vendors) -> Starlette:
    """`POST /v1/events:ingest` and `GET /v1/requestStatus:retrieve`."""
    return Starlette(
        routes=[
            Route("/v1/events:ingest", endpoint(vendors, TOPIC, ingest, _account), methods=["POST"]),
            Route("/v1/requestStatus:retrieve", endpoint(vendors, TOPIC, status, _account), methods=["GET"]),
        ]
    )


def ingest(vendors: Vendors, call: Call) -> Reply:
    """Take a request in whole or refuse it whole; rows fail only later, in `status`."""
    refused = _unauthorised(vendors, call)
    if refused:
        return refused
    request_id = secrets.token_hex(10)
    try:
        request = _parse(call.body)
    except ValueError as error:
        return _error(400, f"Invalid JSON payload received. {error}", request_id)
    refusal = violations(vendors, request)
    if refusal:
        return _refused(refusal, request_id)
    if not request.validate_only:
        now = vendors.clock.now()
        outcomes = [
            {"destination": _as_json(destination), "records": sum(counts.values()), "errors": _errors(counts)}
            for destination, counts in book(vendors, request, now, call.row_reason)
        ]
        document = {"received_at": now.isoformat(), "destinations": outcomes}
        vendors.books.note(TOPIC, request_id, document)
    return Reply(body={"requestId": request_id})


def status(vendors: Vendors, call: Call) -> Reply:
    """What became of a request, per destination."""
    refused = _unauthorised(vendors, call)
    if refused:
        return refused
    name = call.query.get("requestId", "")
    noted = vendors.books.noted(TOPIC, name)
    if noted is None:
        return _refused(
            Refusal.of(400, "INVALID_REQUEST_ID", "request_id", "The request ID is invalid."), name
        )
    age = vendors.clock.now() - datetime.fromisoformat(noted["received_at"])
    if age > STATUS_LIFE:
        return _refused(Refusal.of(400, "REQUEST_TOO_OLD", "request_id", "The request is too old."), name)
    settled = age >= timedelta(seconds=vendors.settle_seconds)
    return Reply(
        body={
            "requestStatusPerDestination": [
                _destination(kept, settled, call) for kept in noted["destinations"]
            ]
        }
    )


def _destination(kept: Mapping[str, Any], settled: bool, call: Call) -> dict[str, Any]:
    """One destination's status, enums as the caller asked for them."""
    from google.ads.datamanager_v1.types import RequestStatusPerDestination
    from google.protobuf.json_format import MessageToDict, ParseDict

    failed = sum(kept["errors"].values())
    shown: dict[str, Any] = {"destination": kept["destination"], "requestStatus": "PROCESSING"}
    if settled:
        shown["requestStatus"] = _verdict(failed, kept["records"])
        shown["eventsIngestionStatus"] = {"recordCount": kept["records"]}
        if failed:
            counts = [{"reason": _full(name), "recordCount": n} for name, n in kept["errors"].items()]
            shown["errorInfo"] = {"errorCounts": counts}
    message = ParseDict(shown, RequestStatusPerDestination.pb()())
    as_int = "enum-encoding=int" in call.query.get("$alt", "")
    answer: dict[str, Any] = MessageToDict(message, use_integers_for_enums=as_int)
    return answer


def _full(reason: str) -> str:
    """The reason's name; one of them bears another prefix than all the others (§5.5)."""
    return reason if reason.startswith("PROCESSING_ERROR_") else PREFIX + reason


def _verdict(failed: int, records: int) -> str:
    if not failed:
        return "SUCCESS"
    return "FAILED" if failed == records else "PARTIAL_SUCCESS"


def _errors(counts: Counter[str]) -> dict[str, int]:
    return {reason: count for reason, count in counts.items() if reason}


def _parse(body: bytes) -> Any:
    """The request message. Raises ValueError for a body that is none."""
    from google.ads.datamanager_v1.types import IngestEventsRequest
    from google.protobuf.json_format import ParseDict, ParseError

    document = json.loads(body)
    if not isinstance(document, dict):
        raise ValueError("Root element must be a message.")  # noqa: TRY004
    try:
        return ParseDict(document, IngestEventsRequest.pb()())
    except ParseError as error:
        raise ValueError(str(error)) from error


def _as_json(message: Any) -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict

    shown: dict[str, Any] = MessageToDict(message)
    return shown


def _account(call: Call) -> str:
    """The first destination's account; read without parsing, for a body may be large or no JSON at all."""
    found = OPERATING_ACCOUNT.search(call.body)
    return found.group(1).decode() if found else ""


def _unauthorised(vendors: Vendors, call: Call) -> Reply | None:
    match google_tokens.check(vendors, call.bearer):
        case Grant() as grant:
            if google_tokens.DATA_MANAGER in grant.scopes:
                return None
            text = "Request had insufficient authentication scopes."
            return _error(403, text, reason="ACCESS_TOKEN_SCOPE_INSUFFICIENT", domain="googleapis.com")
        case TokenFault.MISSING:
            text = "Request is missing required authentication credential. Expected OAuth 2 access token."
            return _error(401, text, reason="CREDENTIALS_MISSING", domain="googleapis.com")
        case fault:
            text = "Request had invalid authentication credentials. Expected OAuth 2 access token."
            expired = fault is TokenFault.EXPIRED
            reason = "ACCESS_TOKEN_EXPIRED" if expired else "ACCESS_TOKEN_TYPE_UNSUPPORTED"
            return _error(401, text, reason=reason, domain="googleapis.com")


def _refused(refusal: Refusal, request_id: str) -> Reply:
    fields = [
        {"field": fault.field, "description": fault.description, "reason": fault.reason}
        for fault in refusal.faults
    ]
    reasons = {fault.reason for fault in refusal.faults}
    reason = reasons.pop() if len(reasons) == 1 else HTTP_STATUS[refusal.status]
    return _error(
        refusal.status, "There was a problem with the request.", request_id, reason=reason, fields=fields
    )


def _error(
    code: int,
    message: str,
    request_id: str = "",
    *,
    reason: str = "INVALID_ARGUMENT",
    domain: str = "datamanager.googleapis.com",
    fields: list[dict[str, str]] | None = None,
) -> Reply:
    """The envelope of google.rpc.Status as Google's REST front end writes it."""
    rpc = "type.googleapis.com/google.rpc."
    details: list[dict[str, Any]] = [{"@type": rpc + "ErrorInfo", "reason": reason, "domain": domain}]
    if fields:
        details.append({"@type": rpc + "BadRequest", "fieldViolations": fields})
    if request_id:
        details.append({"@type": rpc + "RequestInfo", "requestId": request_id})
    error = {"code": code, "message": message, "status": HTTP_STATUS[code], "details": details}
    return Reply(status=code, body={"error": error})
