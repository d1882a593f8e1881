"""The Google Ads API of one account: the vendor's generated clients over one channel of our own.

The package's own client class takes its TLS roots from the process's environment and prints click
ids into its log; over a channel of our own a service needs neither. Its modules take seconds to
import, so that happens with the first call. Source: specs/google_ads.md §1.5 (faults), §1.7 (types).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from conversion_sync.platforms.google_ads.classify import Fault
from conversion_sync.platforms.google_ads.settings import Account
from conversion_sync.platforms.http import CONNECT_SECONDS, READ_SECONDS
from conversion_sync.platforms.platform import Catalogue, SendResult, Tokens
from conversion_sync.redaction import excerpt

CALL_SECONDS = CONNECT_SECONDS + READ_SECONDS
FAILURES = "errors.types.errors"
ROW_FIELDS = frozenset({"conversions", "conversion_adjustments", "operations"})
RENEWABLE = frozenset(
    {"authentication_error.OAUTH_TOKEN_EXPIRED", "authentication_error.OAUTH_TOKEN_INVALID"}
)
NOT_CONNECTED, NO_ANSWER = "not_connected", "no_answer"
NEVER_STOOD = ("failed to connect", "resolution failed", "resolver")
"""How gRPC words a connection that was never made: nothing has left."""
LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes; Google's own bound (specs/google_ads.md §2.4)."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that failed as a whole."""

    faults: Sequence[Fault]


@dataclass(slots=True, kw_only=True)
class AdsApi:
    """`roots` are the PEM of the TLS roots to trust, None for the machine's. Connects with the first call."""

    account: Account
    facts: Catalogue
    tokens: Tokens = field(repr=False)
    roots: bytes | None = field(repr=False)
    _channel: Any = field(default=None, repr=False)

    def call(self, module: str, service: str, method: str, request: Any) -> Any:
        """The service's answer, a Refusal, or why there is no token. A token that ran out is renewed once."""
        token = self.tokens.token()
        if isinstance(token, SendResult):
            return token
        answer = self._once(module, service, method, request, token)
        if isinstance(answer, Refusal) and any(fault.code in RENEWABLE for fault in answer.faults):
            another = self.tokens.renewed(token)
            if isinstance(another, str):
                answer = self._once(module, service, method, request, another)
        return answer

    def module(self, name: str) -> Any:
        """A module of the version this release speaks."""
        return import_module(f"google.ads.googleads.{self.facts.api_version}.{name}")

    def failure(self) -> Any:
        """An empty GoogleAdsFailure."""
        return self.module(FAILURES).GoogleAdsFailure.pb()()

    def excerpt(self, text: str) -> str:
        """Vendor text, scrubbed and short enough to keep."""
        return excerpt(text, *self.tokens.secrets)

    def close(self) -> None:
        """Releases the channel; the next call opens another."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def _once(self, module: str, service: str, method: str, request: Any, token: str) -> Any:
        from google.api_core.exceptions import GoogleAPICallError

        login = self.account.login_customer_id
        headers = [] if login is None else [("login-customer-id", login)]
        try:
            return getattr(self._client(module, service), method)(
                request=request,
                retry=None,
                timeout=CALL_SECONDS,
                metadata=[("authorization", f"Bearer {token}"), *headers],
            )
        except GoogleAPICallError as fault:
            refusal = Refusal(self._faults(fault))
            if any(each.code in {NOT_CONNECTED, NO_ANSWER} for each in refusal.faults):
                self.close()  # gRPC would wait ever longer before it connects again
            return refusal

    def _client(self, module: str, service: str) -> Any:
        import grpc

        if self._channel is None:
            self._channel = grpc.secure_channel(
                self.account.endpoint,
                grpc.ssl_channel_credentials(self.roots),
                options=[("grpc.max_receive_message_length", LARGEST_ANSWER)],
            )
        transport = getattr(self.module(f"services.services.{module}.transports"), f"{service}GrpcTransport")
        client = getattr(self.module(f"services.services.{module}"), f"{service}Client")
        return client(transport=transport(channel=self._channel))

    def _faults(self, fault: Any) -> list[Fault]:
        """The failure in a refused call's trailer; where there is none, its status."""
        key = f"google.ads.googleads.{self.facts.api_version}.errors.googleadsfailure-bin"
        answered = False
        for cause in fault.errors:
            trailer = cause.trailing_metadata() if hasattr(cause, "trailing_metadata") else None
            for name, value in trailer or ():
                answered = True
                if name == key:
                    failure = self.failure()
                    failure.ParseFromString(value)
                    return list(faults_of(failure))
        status = fault.grpc_status_code.name if fault.grpc_status_code else "UNKNOWN"
        code = f"grpc_{status}"
        if status == "UNAVAILABLE" and not answered:
            words = fault.message.lower()
            code = NOT_CONNECTED if any(each in words for each in NEVER_STOOD) else NO_ANSWER
        return [Fault(code=code, text=fault.message)]


def faults_of(failure: Any) -> Iterator[Fault]:
    """The errors of a GoogleAdsFailure, each with the row it names."""
    for error in failure.errors:
        places = error.location.field_path_elements
        delay = error.details.quota_error_details.retry_delay.ToTimedelta()
        yield Fault(
            code=_code(error.error_code),
            text=error.message,
            index=next((place.index for place in places if place.field_name in ROW_FIELDS), None),
            retry_after=delay or None,
            field=next((place.field_name for place in places if place.field_name not in ROW_FIELDS), ""),
        )


def _code(code: Any) -> str:
    """`group.NAME`, with the number for a name this version does not know."""
    group = code.WhichOneof("error_code")
    if group is None:
        return "unknown_group"
    number = getattr(code, group)
    known = code.DESCRIPTOR.fields_by_name[group].enum_type.values_by_number.get(number)
    return f"{group}.{known.name if known else number}"
