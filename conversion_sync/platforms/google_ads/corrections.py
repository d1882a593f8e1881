"""Corrections through the Google Ads API with the vendor's client, in raw protobuf mode.

The client's modules take seconds to import, so that happens with the first correction, not before.
Source: specs/google_ads.md §1.3 (endpoint and roots), §1.5 (faults), §1.7 (types), §3.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from conversion_sync.config.settings import GoogleAdsAccount
from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.platforms.google_ads.classify import Fault, partial_failure, request_fault
from conversion_sync.platforms.google_ads.credential import Credential
from conversion_sync.platforms.google_ads.encode import adjustments
from conversion_sync.platforms.http import CONNECT_SECONDS, READ_SECONDS
from conversion_sync.platforms.platform import Catalogue, SendResult
from conversion_sync.redaction import excerpt

ROOTS = "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"
ROW_FIELDS = frozenset({"conversion_adjustments", "operations"})
PLUGIN = "metadata from plugin"
"""How gRPC words a token that could not be fetched during a call."""


@dataclass(slots=True)
class Corrections:
    """The adjustment service of one account. Opens its channel with the first request."""

    account: GoogleAdsAccount
    facts: Catalogue
    credential: Credential
    _client: Any = field(default=None, repr=False)
    _service: Any = field(default=None, repr=False)

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        """One `upload_conversion_adjustments`; rows fail one by one."""
        refused = self.credential.refused()
        if refused is not None:
            return refused
        from google.ads.googleads.errors import GoogleAdsException
        from google.api_core.exceptions import GoogleAPICallError
        from google.protobuf.json_format import ParseDict

        service = self._opened()
        document = adjustments(batch, self.account.customer_id, validate_only=validate_only)
        request = ParseDict(document, self._client.get_type("UploadConversionAdjustmentsRequest"))
        try:
            answer = service.upload_conversion_adjustments(
                request=request, timeout=CONNECT_SECONDS + READ_SECONDS
            )
        except GoogleAdsException as fault:
            return request_fault(self.facts, list(_faults(_raw(fault.failure))), self._excerpt)
        except GoogleAPICallError as fault:
            return request_fault(self.facts, self._call_faults(fault), self._excerpt)
        return self._read(answer, batch)

    def close(self) -> None:
        """Releases the channel."""
        if self._service is not None:
            self._service.transport.close()
            self._service = self._client = None

    def _read(self, answer: Any, batch: Sequence[Outbound]) -> SendResult:
        verbs = [row.verb for row in batch]
        if answer.partial_failure_error.code == 0:
            return partial_failure(self.facts, verbs, (), self._excerpt)
        faults: list[Fault] = []
        for detail in answer.partial_failure_error.details:
            failure = self._client.get_type("GoogleAdsFailure")
            if detail.Unpack(failure):
                faults.extend(_faults(failure))
        if not faults:
            text = self._excerpt(answer.partial_failure_error.message)
            return SendResult(outcome=Outcome.AMBIGUOUS, code="unreadable", text=text)
        return partial_failure(self.facts, verbs, faults, self._excerpt)

    def _call_faults(self, fault: Any) -> list[Fault]:
        """The failure in the trailer, which the client leaves there for some statuses, else the status."""
        key = f"google.ads.googleads.{self.facts.api_version}.errors.googleadsfailure-bin"
        for cause in fault.errors:
            trailer = cause.trailing_metadata() if hasattr(cause, "trailing_metadata") else None
            for name, value in trailer or ():
                if name == key:
                    failure = self._client.get_type("GoogleAdsFailure")
                    failure.ParseFromString(value)
                    return list(_faults(failure))
        if PLUGIN in fault.message:
            return [Fault(code="oauth_plugin", text=fault.message)]
        status = fault.grpc_status_code
        return [Fault(code=f"grpc_{status.name if status else 'UNKNOWN'}", text=fault.message)]

    def _opened(self) -> Any:
        if self._service is None:
            _trust(self.account)
            from google.ads.googleads.client import GoogleAdsClient

            # Its warnings repeat what the ledger keeps; its other levels print click ids.
            logging.getLogger("google.ads.googleads.client").setLevel(logging.ERROR)
            self._client = GoogleAdsClient(
                self.credential.made(),
                login_customer_id=self.account.login_customer_id,
                endpoint=self.account.endpoint,
                version=self.facts.api_version,
                use_proto_plus=False,
            )
            self._service = self._client.get_service("ConversionAdjustmentUploadService")
        return self._service

    def _excerpt(self, text: str) -> str:
        return excerpt(text, *self.credential.secrets)


def _trust(account: GoogleAdsAccount) -> None:
    """Names the roots to gRPC, which reads them once a process; all accounts name the same."""
    if account.tls_roots is not None:
        os.environ[ROOTS] = str(account.tls_roots.resolve())


def _raw(failure: Any) -> Any:
    """The protobuf message within, for the client hands out its wrapper even in raw mode."""
    kind = type(failure)
    return kind.pb(failure) if hasattr(kind, "pb") else failure


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
