"""Corrections through the Google Ads API: the vendor's generated client over a channel of our own.

The package's own client class takes its TLS roots from the process's environment and prints click
ids into its log; over a channel of our own the service needs neither. Its modules take seconds to
import, so that happens with the first correction. Source: specs/google_ads.md §1.5 (faults), §1.7
(types), §3.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from conversion_sync.config.settings import GoogleAdsAccount
from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.platforms.google_ads.classify import Fault, partial_failure, request_fault
from conversion_sync.platforms.google_ads.credential import Credential
from conversion_sync.platforms.google_ads.encode import adjustments
from conversion_sync.platforms.http import CONNECT_SECONDS, READ_SECONDS
from conversion_sync.platforms.platform import Catalogue, SendResult
from conversion_sync.redaction import excerpt

SERVICE = "services.services.conversion_adjustment_upload_service"
REQUESTS = "services.types.conversion_adjustment_upload_service"
FAILURES = "errors.types.errors"
ROW_FIELDS = frozenset({"conversion_adjustments", "operations"})
PLUGIN = "metadata from plugin"
"""How gRPC words a token that could not be fetched during a call."""
LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes; Google's own bound (specs/google_ads.md §2.4)."""


@dataclass(slots=True)
class Corrections:
    """The adjustment service of one account. Opens its channel with the first request."""

    account: GoogleAdsAccount
    facts: Catalogue
    credential: Credential
    _service: Any = field(default=None, repr=False)

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        """One `upload_conversion_adjustments`; rows fail one by one."""
        refused = self.credential.refused()
        if refused is not None:
            return refused
        from google.api_core.exceptions import GoogleAPICallError
        from google.protobuf.json_format import ParseDict

        kind = self._module(REQUESTS).UploadConversionAdjustmentsRequest
        document = adjustments(batch, self.account.customer_id, validate_only=validate_only)
        try:
            answer = self._opened().upload_conversion_adjustments(
                request=kind.wrap(ParseDict(document, kind.pb()())),
                timeout=CONNECT_SECONDS + READ_SECONDS,
                metadata=self._headers(),
            )
        except GoogleAPICallError as fault:
            return request_fault(self.facts, self._call_faults(fault), self._excerpt)
        return self._read(type(answer).pb(answer), batch)

    def close(self) -> None:
        """Releases the channel."""
        if self._service is not None:
            self._service.transport.close()
            self._service = None

    def _headers(self) -> list[tuple[str, str]]:
        login = self.account.login_customer_id
        return [] if login is None else [("login-customer-id", login)]

    def _read(self, answer: Any, batch: Sequence[Outbound]) -> SendResult:
        verbs = [row.verb for row in batch]
        if answer.partial_failure_error.code == 0:
            return partial_failure(self.facts, verbs, (), self._excerpt)
        faults: list[Fault] = []
        for detail in answer.partial_failure_error.details:
            failure = self._failure()
            if detail.Unpack(failure):
                faults.extend(_faults(failure))
        if not faults:
            text = self._excerpt(answer.partial_failure_error.message)
            return SendResult(outcome=Outcome.AMBIGUOUS, code="unreadable", text=text)
        return partial_failure(self.facts, verbs, faults, self._excerpt)

    def _call_faults(self, fault: Any) -> list[Fault]:
        """The failure in the call's trailer; where there is none, its status."""
        key = f"google.ads.googleads.{self.facts.api_version}.errors.googleadsfailure-bin"
        for cause in fault.errors:
            trailer = cause.trailing_metadata() if hasattr(cause, "trailing_metadata") else None
            for name, value in trailer or ():
                if name == key:
                    failure = self._failure()
                    failure.ParseFromString(value)
                    return list(_faults(failure))
        if PLUGIN in fault.message:
            return [Fault(code="oauth_plugin", text=fault.message)]
        status = fault.grpc_status_code
        return [Fault(code=f"grpc_{status.name if status else 'UNKNOWN'}", text=fault.message)]

    def _opened(self) -> Any:
        if self._service is None:
            import grpc

            roots = self.account.tls_roots
            transport = self._module(f"{SERVICE}.transports").ConversionAdjustmentUploadServiceGrpcTransport
            channel = transport.create_channel(
                host=self.account.endpoint,
                credentials=self.credential.made(),
                ssl_credentials=grpc.ssl_channel_credentials(roots.read_bytes() if roots else None),
                options=[("grpc.max_receive_message_length", LARGEST_ANSWER)],
            )
            client = self._module(SERVICE).ConversionAdjustmentUploadServiceClient
            self._service = client(transport=transport(channel=channel))
        return self._service

    def _failure(self) -> Any:
        return self._module(FAILURES).GoogleAdsFailure.pb()()

    def _module(self, name: str) -> Any:
        return import_module(f"google.ads.googleads.{self.facts.api_version}.{name}")

    def _excerpt(self, text: str) -> str:
        return excerpt(text, *self.credential.secrets)


def _faults(failure: Any) -> Iterator[Fault]:
    for error in failure.errors:
        places = error.location.field_path_elements
        delay = error.details.quota_error_details.retry_delay.ToTimedelta()
        yield Fault(
            code=_code(error.error_code),
            text=error.message,
            index=next((place.index for place in places if place.field_name in ROW_FIELDS), None),
            retry_after=delay or None,
        )


def _code(code: Any) -> str:
    """`group.NAME`, with the number for a name this version does not know."""
    group = code.WhichOneof("error_code")
    if group is None:
        return "unknown_group"
    number = getattr(code, group)
    known = code.DESCRIPTOR.fields_by_name[group].enum_type.values_by_number.get(number)
    return f"{group}.{known.name if known else number}"
