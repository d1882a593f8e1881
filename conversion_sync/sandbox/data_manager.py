"""Google's Data Manager API over gRPC: events in, and what became of them, by counts only, later.

Source: specs/google_ads.md §5.2 (request), §5.5 (two stages of errors), §5.6 (adjustments), §8.5 (rules).
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn

from conversion_sync.sandbox import google_tokens
from conversion_sync.sandbox.data_manager_rows import PREFIX, book
from conversion_sync.sandbox.data_manager_rules import DENIED, INVALID, Refusal, violations
from conversion_sync.sandbox.faults import Action
from conversion_sync.sandbox.google_calls import carry_out, hold, is_late
from conversion_sync.sandbox.google_tokens import Grant
from conversion_sync.sandbox.grants import TokenFault
from conversion_sync.sandbox.vendors import Vendors

VENDOR = "data_manager"
SERVICE = "google.ads.datamanager.v1.IngestionService"
STATUS_LIFE = timedelta(days=50)
DOMAIN = "datamanager.googleapis.com"

Json = Mapping[str, Any]


class CallFault(Exception):  # noqa: N818
    """The call is refused with a gRPC status and google.rpc details in their JSON form."""

    def __init__(self, status: str, message: str, details: Sequence[Json] = ()) -> None:
        super().__init__(status, message)
        self.status = status
        self.message = message
        self.details = details


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC: its request message and who answers it; that raises CallFault."""

    name: str
    request: Any
    answer: Callable[[Vendors, Any, str | None], Any]

    def read(self, body: bytes) -> Any:
        """The request. Raises CallFault for bytes that are none."""
        from google.protobuf.message import DecodeError

        try:
            return self.request.FromString(body)
        except DecodeError as error:
            raise CallFault(INVALID, "The request cannot be read.", [_info("INVALID_ARGUMENT")]) from error

    def account(self, body: bytes) -> str:
        """Whose request it is, for the concurrency; "" where it does not say."""
        try:
            places = getattr(self.read(body), "destinations", ())
        except CallFault:
            return ""
        return next((place.operating_account.account_id for place in places), "")


def services(vendors: Vendors) -> dict[str, dict[str, Any]]:
    """The handlers of both methods, by service and name."""
    return {SERVICE: {method.name: _handler(vendors, method) for method in _methods()}}


def _methods() -> list[Method]:
    from google.ads.datamanager_v1 import types

    return [
        Method("IngestEvents", types.IngestEventsRequest.pb(), ingest),
        Method("RetrieveRequestStatus", types.RetrieveRequestStatusRequest.pb(), status),
    ]


def _handler(vendors: Vendors, method: Method) -> Any:
    import grpc

    path = f"/{SERVICE}/{method.name}"

    def one(body: bytes, context: Any) -> bytes:
        with vendors.books.request(VENDOR, path, method.account(body)):
            return _exchange(vendors, method, path, body, context)

    return grpc.unary_unary_rpc_method_handler(one)


def _exchange(vendors: Vendors, method: Method, path: str, body: bytes, context: Any) -> bytes:
    """One call: fault plan, authentication and the answer. A planned body is the answer, verbatim."""
    fault = vendors.faults.take(VENDOR, path, vendors.clock.now())
    planned = None if fault is None or fault.body is None else str(fault.body).encode()
    if fault is not None and not is_late(fault):
        carry_out(context, fault, _planned(context, fault))
        if planned is not None:
            return planned
    hold(vendors, VENDOR, path, context, fault, "before")
    said: bytes | CallFault
    try:
        _authenticate(vendors, dict(context.invocation_metadata()))
        answer = method.answer(vendors, method.read(body), fault.row_reason if fault else None)
        said = answer.SerializeToString()
    except CallFault as refused:
        said = refused
    hold(vendors, VENDOR, path, context, fault, "after")
    if fault is not None and is_late(fault):
        carry_out(context, fault, _planned(context, fault))
    if planned is not None:
        return planned
    if isinstance(said, CallFault):
        _abort(context, said)
    return said


def _planned(context: Any, fault: Action) -> Callable[[str], NoReturn]:
    def refuse(status: str) -> NoReturn:
        _abort(context, CallFault(status, str(fault.body or "Planned fault."), fault.grpc_details))

    return refuse


def _abort(context: Any, refused: CallFault) -> NoReturn:
    """End the call with a google.rpc.Status, whose details travel in the trailer."""
    import grpc
    from google.protobuf.json_format import ParseDict
    from google.rpc import error_details_pb2, status_pb2

    code = grpc.StatusCode[refused.status]
    told = status_pb2.Status(code=code.value[0], message=refused.message)
    for detail in refused.details:
        kind = getattr(error_details_pb2, detail["@type"].rpartition(".")[2])
        members = {name: value for name, value in detail.items() if name != "@type"}
        told.details.add().Pack(ParseDict(members, kind()))
    context.set_trailing_metadata((("grpc-status-details-bin", told.SerializeToString()),))
    context.abort(code, refused.message)
    raise AssertionError("abort does not return")


def ingest(vendors: Vendors, request: Any, row_reason: str | None) -> Any:
    """Take a request in whole or refuse it whole; rows fail only later, in `status`."""
    from google.ads.datamanager_v1.types import IngestEventsResponse

    request_id = secrets.token_hex(10)
    refusal = violations(vendors, request)
    if refusal:
        raise _refused(refusal, request_id)
    if not request.validate_only:
        now = vendors.clock.now()
        outcomes = [
            {"destination": _as_json(destination), "records": sum(counts.values()), "errors": _errors(counts)}
            for destination, counts in book(vendors, request, now, row_reason)
        ]
        document = {"received_at": now.isoformat(), "destinations": outcomes}
        vendors.books.note(VENDOR, request_id, document)
    return IngestEventsResponse.pb()(request_id=request_id)


def status(vendors: Vendors, request: Any, row_reason: str | None) -> Any:  # noqa: ARG001
    """What became of a request, per destination."""
    from google.ads.datamanager_v1.types import RetrieveRequestStatusResponse
    from google.protobuf.json_format import ParseDict

    noted = vendors.books.noted(VENDOR, request.request_id)
    if noted is None:
        refusal = Refusal.of(INVALID, "INVALID_REQUEST_ID", "request_id", "The request ID is invalid.")
        raise _refused(refusal, request.request_id)
    age = vendors.clock.now() - datetime.fromisoformat(noted["received_at"])
    if age > STATUS_LIFE:
        refusal = Refusal.of(INVALID, "REQUEST_TOO_OLD", "request_id", "The request is too old.")
        raise _refused(refusal, request.request_id)
    settled = age >= timedelta(seconds=vendors.settle_seconds)
    shown = {"requestStatusPerDestination": [_destination(kept, settled) for kept in noted["destinations"]]}
    return ParseDict(shown, RetrieveRequestStatusResponse.pb()())


def _destination(kept: Json, settled: bool) -> dict[str, Any]:
    """One destination's status, in its JSON form."""
    failed = sum(kept["errors"].values())
    shown: dict[str, Any] = {"destination": kept["destination"], "requestStatus": "PROCESSING"}
    if settled:
        shown["requestStatus"] = _verdict(failed, kept["records"])
        shown["eventsIngestionStatus"] = {"recordCount": kept["records"]}
        if failed:
            counts = [{"reason": _full(name), "recordCount": n} for name, n in kept["errors"].items()]
            shown["errorInfo"] = {"errorCounts": counts}
    return shown


def _full(reason: str) -> str:
    """The reason's name; one of them bears another prefix than all the others (§5.5)."""
    return reason if reason.startswith("PROCESSING_ERROR_") else PREFIX + reason


def _verdict(failed: int, records: int) -> str:
    if not failed:
        return "SUCCESS"
    return "FAILED" if failed == records else "PARTIAL_SUCCESS"


def _errors(counts: Counter[str]) -> dict[str, int]:
    return {reason: count for reason, count in counts.items() if reason}


def _as_json(message: Any) -> dict[str, Any]:
    from google.protobuf.json_format import MessageToDict

    shown: dict[str, Any] = MessageToDict(message)
    return shown


def _authenticate(vendors: Vendors, metadata: Mapping[str, str | bytes]) -> None:
    """The bearer token and its scope. Raises CallFault."""
    scheme, _, token = str(metadata.get("authorization", "")).partition(" ")
    match google_tokens.check(vendors, token.strip() or None if scheme.lower() == "bearer" else None):
        case Grant() as grant:
            if google_tokens.DATA_MANAGER in grant.scopes:
                return
            text = "Request had insufficient authentication scopes."
            raise CallFault(DENIED, text, [_info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "googleapis.com")])
        case TokenFault.MISSING:
            text = "Request is missing required authentication credential. Expected OAuth 2 access token."
            raise CallFault("UNAUTHENTICATED", text, [_info("CREDENTIALS_MISSING", "googleapis.com")])
        case fault:
            text = "Request had invalid authentication credentials. Expected OAuth 2 access token."
            expired = fault is TokenFault.EXPIRED
            reason = "ACCESS_TOKEN_EXPIRED" if expired else "ACCESS_TOKEN_TYPE_UNSUPPORTED"
            raise CallFault("UNAUTHENTICATED", text, [_info(reason, "googleapis.com")])


def _refused(refusal: Refusal, request_id: str) -> CallFault:
    fields = [
        {"field": fault.field, "description": fault.description, "reason": fault.reason}
        for fault in refusal.faults
    ]
    reasons = {fault.reason for fault in refusal.faults}
    details = [
        _info(reasons.pop() if len(reasons) == 1 else refusal.status),
        {"@type": "google.rpc.BadRequest", "fieldViolations": fields},
        {"@type": "google.rpc.RequestInfo", "requestId": request_id},
    ]
    return CallFault(refusal.status, "There was a problem with the request.", details)


def _info(reason: str, domain: str = DOMAIN) -> dict[str, Any]:
    return {"@type": "google.rpc.ErrorInfo", "reason": reason, "domain": domain}
