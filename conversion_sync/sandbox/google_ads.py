"""The Google Ads API v26 over gRPC with TLS, as the unmodified official client speaks it.

Source: specs/google_ads.md §1.8 (shape), §8.1 (transport and authentication).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

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
    lose,
)
from conversion_sync.sandbox.google_ads_search import search
from conversion_sync.sandbox.google_ads_tls import make_tls
from conversion_sync.sandbox.google_tokens import Grant
from conversion_sync.sandbox.grants import TokenFault
from conversion_sync.sandbox.vendors import Vendors

if TYPE_CHECKING:
    import grpc

PACKAGE = "google.ads.googleads.v26.services"
ENDS = datetime(2027, 11, 1, tzinfo=UTC)
"""Projected. Source: §1.1."""
LARGEST_MESSAGE = 64 << 20
CALLERS = 16

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


def serve(vendors: Vendors, host: str, port: int) -> tuple[grpc.Server, int, bytes]:
    """Start the server; port 0 picks a free one. Returns it, its port and the PEM of the CA to trust."""
    import grpc

    tls = make_tls()
    server = grpc.server(
        ThreadPoolExecutor(CALLERS, thread_name_prefix="google_ads"),
        options=[("grpc.max_receive_message_length", LARGEST_MESSAGE), ("grpc.so_reuseport", 0)],
    )
    handlers: dict[str, dict[str, Any]] = {}
    for method in _methods():
        handlers.setdefault(f"{PACKAGE}.{method.service}", {})[method.name] = _handler(vendors, method)
    server.add_generic_rpc_handlers(
        tuple(grpc.method_handlers_generic_handler(service, names) for service, names in handlers.items())
    )
    credentials = grpc.ssl_server_credentials([(tls.key, tls.chain)])
    bound = server.add_secure_port(f"{host}:{port}", credentials)
    server.start()
    return server, bound, tls.ca


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
        with vendors.books.request("google_ads", path, request.customer_id):
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
    fault = vendors.faults.take("google_ads", path, vendors.clock.now())
    late = fault is not None and (fault.after_accepting or fault.drop_reply)
    if fault is None or not (fault.close_before_reply or fault.drop_reply):
        context.send_initial_metadata(((REQUEST_ID_KEY, request_id),))
    if fault is not None and not late:
        _fail(context, fault, request_id)
    _held(vendors, path, context, fault, "before")
    try:
        _authenticate(vendors, dict(context.invocation_metadata()), request.customer_id)
        _in_good_standing(vendors)
        answer = method.answer(vendors, request, request_id, fault.row_errors if fault else ())
    except CallFault as refused:
        box = failure(request_id)
        add(box, refused.fault)
        abort(context, refused.status, refused.fault.message, box, request_id)
    _held(vendors, path, context, fault, "after")
    if fault is not None and late:
        _fail(context, fault, request_id)
    if method.streams:
        answer = method.response(results=answer.results, field_mask=answer.field_mask, request_id=request_id)
    context.set_trailing_metadata(((REQUEST_ID_KEY, request_id),))
    return answer


def _held(vendors: Vendors, path: str, context: Any, fault: Action | None, moment: str) -> None:
    """Holds the request if the plan says so for this moment; loses it if it is not to go on."""
    if fault is not None and fault.hold == moment and not vendors.holds.wait("google_ads", path, moment):
        lose(context)


def _fail(context: Any, fault: Action, request_id: str) -> None:
    """Carry a planned fault out. A lost connection is what the client library makes of one: UNAVAILABLE
    without anything of Google's.
    """
    if fault.delay_seconds:
        time.sleep(fault.delay_seconds)
    if fault.close_before_reply or fault.drop_reply:
        lose(context)
    if fault.grpc_status is None:
        return
    box = None
    if fault.grpc_error is not None:
        box = failure(request_id)
        add(box, Fault(fault.grpc_error), retry_delay=fault.grpc_retry_delay_seconds)
    abort(context, fault.grpc_status, "Planned fault.", box, request_id)


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
