"""The Google Ads API v26 over gRPC with TLS, as the unmodified official client speaks it.

Source: specs/google_ads.md §1.8 (shape), §8.1 (transport and authentication).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn

from conversion_sync.sandbox import google_tokens
from conversion_sync.sandbox.faults import Action, RowError
from conversion_sync.sandbox.google_ads_adjustments import upload_adjustments
from conversion_sync.sandbox.google_ads_conversions import upload_clicks
from conversion_sync.sandbox.google_ads_failures import (
    REQUEST_ID_KEY,
    CallFault,
    Fault,
    abort,
    add,
    failure,
)
from conversion_sync.sandbox.google_ads_search import search
from conversion_sync.sandbox.google_calls import carry_out, hold, is_late, is_lost
from conversion_sync.sandbox.google_tokens import Grant
from conversion_sync.sandbox.grants import TokenFault
from conversion_sync.sandbox.vendors import Vendors

PACKAGE = "google.ads.googleads.v26.services"
VENDOR = "google_ads"
ENDS = datetime(2027, 11, 1, tzinfo=UTC)
"""Projected. Source: §1.1."""

Answer = Callable[[Vendors, Any, str, Sequence[RowError]], Any]
"""Answers a request message; raises CallFault. The text is the request id, the last what shall go wrong."""


@dataclass(frozen=True, slots=True)
class Method:
    """One RPC: where it lives, its messages and who answers."""

    service: str
    name: str
    request: Any
    response: Any
    answer: Answer
    streams: bool = False


def services(vendors: Vendors) -> dict[str, dict[str, Any]]:
    """The handlers of every method, by service and name."""
    handlers: dict[str, dict[str, Any]] = {}
    for method in _methods():
        handlers.setdefault(f"{PACKAGE}.{method.service}", {})[method.name] = _handler(vendors, method)
    return handlers


def _methods() -> list[Method]:
    from google.ads.googleads.v26.services.types import conversion_adjustment_upload_service as adjustments
    from google.ads.googleads.v26.services.types import conversion_upload_service as conversions
    from google.ads.googleads.v26.services.types import google_ads_service as ads

    return [
        Method(
            "ConversionUploadService",
            "UploadClickConversions",
            conversions.UploadClickConversionsRequest.pb(),
            conversions.UploadClickConversionsResponse.pb(),
            upload_clicks,
        ),
        Method(
            "ConversionAdjustmentUploadService",
            "UploadConversionAdjustments",
            adjustments.UploadConversionAdjustmentsRequest.pb(),
            adjustments.UploadConversionAdjustmentsResponse.pb(),
            upload_adjustments,
        ),
        Method(
            "GoogleAdsService",
            "Search",
            ads.SearchGoogleAdsRequest.pb(),
            ads.SearchGoogleAdsResponse.pb(),
            search,
        ),
        Method(
            "GoogleAdsService",
            "SearchStream",
            ads.SearchGoogleAdsStreamRequest.pb(),
            ads.SearchGoogleAdsStreamResponse.pb(),
            search,
            streams=True,
        ),
    ]


def _handler(vendors: Vendors, method: Method) -> Any:
    import grpc

    path = f"/{PACKAGE}.{method.service}/{method.name}"

    def one(request: Any, context: Any) -> Any:
        with vendors.books.request(VENDOR, path, request.customer_id):
            return _exchange(vendors, method, path, request, context)

    def stream(request: Any, context: Any) -> Any:
        yield one(request, context)

    messages = {
        "request_deserializer": method.request.FromString,
        "response_serializer": method.response.SerializeToString,
    }
    if method.streams:
        return grpc.unary_stream_rpc_method_handler(stream, **messages)
    return grpc.unary_unary_rpc_method_handler(one, **messages)


def _exchange(vendors: Vendors, method: Method, path: str, request: Any, context: Any) -> Any:
    """One call: fault plan, authentication, the answer, and the request id on the way out."""
    request_id = secrets.token_urlsafe(16)
    fault = vendors.faults.take(VENDOR, path, vendors.clock.now())
    if not is_lost(fault):
        context.send_initial_metadata(((REQUEST_ID_KEY, request_id),))
    if fault is not None and not is_late(fault):
        carry_out(context, fault, _planned(context, fault, request_id))
    hold(vendors, VENDOR, path, context, fault, "before")
    try:
        _authenticate(vendors, dict(context.invocation_metadata()), request.customer_id)
        _in_good_standing(vendors)
        answer = method.answer(vendors, request, request_id, fault.row_errors if fault else ())
    except CallFault as refused:
        box = failure(request_id)
        add(box, refused.fault)
        abort(context, refused.status, refused.fault.message, box, request_id)
    hold(vendors, VENDOR, path, context, fault, "after")
    if fault is not None and is_late(fault):
        carry_out(context, fault, _planned(context, fault, request_id))
    if method.streams:
        answer = method.response(results=answer.results, field_mask=answer.field_mask, request_id=request_id)
    context.set_trailing_metadata(((REQUEST_ID_KEY, request_id),))
    return answer


def _planned(context: Any, fault: Action, request_id: str) -> Callable[[str], NoReturn]:
    """Ends the call with a planned status and, if the plan has one, its failure."""

    def refuse(status: str) -> NoReturn:
        box = None
        if fault.grpc_error is not None:
            box = failure(request_id)
            add(box, Fault(fault.grpc_error), retry_delay=fault.grpc_retry_delay_seconds)
        abort(context, status, "Planned fault.", box, request_id)

    return refuse


def _authenticate(vendors: Vendors, metadata: Mapping[str, str], customer_id: str) -> None:
    """Bearer, customer, manager and routing header, in this order. Raises CallFault. Source: §8.1."""
    known = vendors.credentials
    scheme, _, token = str(metadata.get("authorization", "")).partition(" ")
    bearer = token if scheme.lower() == "bearer" else None
    match google_tokens.check(vendors, bearer):
        case TokenFault() as fault:
            said = {TokenFault.EXPIRED: "OAUTH_TOKEN_EXPIRED", TokenFault.REVOKED: "OAUTH_TOKEN_REVOKED"}
            name = said.get(fault, "OAUTH_TOKEN_INVALID")
            raise CallFault("UNAUTHENTICATED", Fault(f"authentication_error.{name}", "", "Bad credentials."))
        case Grant() as grant if google_tokens.ADWORDS not in grant.scopes:
            code = "authorization_error.ACTION_NOT_PERMITTED"
            raise CallFault("PERMISSION_DENIED", Fault(code, "", "Insufficient authentication scopes."))
    if not (len(customer_id) == 10 and customer_id.isdigit()):
        raise CallFault("INVALID_ARGUMENT", Fault("request_error.INVALID_CUSTOMER_ID"))
    if customer_id != known.google_customer_id:
        raise CallFault("UNAUTHENTICATED", Fault("authentication_error.CUSTOMER_NOT_FOUND"))
    login = str(metadata.get("login-customer-id", customer_id))
    if not (len(login) == 10 and login.isdigit()):
        raise CallFault("INVALID_ARGUMENT", Fault("header_error.INVALID_LOGIN_CUSTOMER_ID"))
    if login not in {known.google_login_customer_id, customer_id}:
        code = "authorization_error.USER_PERMISSION_DENIED"
        raise CallFault("PERMISSION_DENIED", Fault(code, "", "User doesn't have permission."))
    if metadata.get("x-goog-request-params", "") != f"customer_id={customer_id}":
        raise CallFault("INVALID_ARGUMENT", Fault("request_error.INVALID_CUSTOMER_ID"))


def _in_good_standing(vendors: Vendors) -> None:
    """The version, the customer and the caller's project. Raises CallFault. Source: §8.1 rules 5 and 11."""
    if vendors.clock.now() >= ENDS:
        raise CallFault("INVALID_ARGUMENT", Fault("request_error.UNSUPPORTED_VERSION", "", "v26 ended."))
    standing = vendors.google_ads.now
    if not standing.enabled:
        code = "authorization_error.CUSTOMER_NOT_ENABLED"
        raise CallFault("PERMISSION_DENIED", Fault(code, "", "The customer account can't be accessed."))
    if not standing.project_approved:
        code = "authorization_error.CLOUD_PROJECT_NOT_APPROVED_FOR_PRODUCTION"
        raise CallFault("PERMISSION_DENIED", Fault(code, "", "The Cloud project has test access only."))
