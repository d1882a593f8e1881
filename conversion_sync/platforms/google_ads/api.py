"""The Google Ads API of one account: the vendor's generated clients over channels of our own.

The package's own client class takes its TLS roots from the process's environment and prints click
ids into its log; over a channel of our own a service needs neither. Its modules take seconds to
import, so that happens with the first call. Source: specs/google_ads.md §1.5 (faults), §1.7 (types).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from conversion_sync.platforms.google_ads.classify import Fault
from conversion_sync.platforms.google_ads.credential import Credential
from conversion_sync.platforms.google_ads.settings import Account
from conversion_sync.platforms.platform import Catalogue
from conversion_sync.redaction import excerpt

FAILURES = "errors.types.errors"
ROW_FIELDS = frozenset({"conversion_adjustments", "operations"})
PLUGIN = "metadata from plugin"
"""How gRPC words a token that could not be fetched during a call."""
LARGEST_ANSWER = 64 * 1024 * 1024
"""Bytes; Google's own bound (specs/google_ads.md §2.4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AdsApi:
    """`roots` are the PEM of the TLS roots to trust, None for the machine's."""

    account: Account
    facts: Catalogue
    credential: Credential
    roots: bytes | None = field(repr=False)

    def open(self, module: str, service: str) -> Any:
        """A client of one service on a channel of its own; close it by its `transport`."""
        import grpc

        transport = getattr(self.module(f"services.services.{module}.transports"), f"{service}GrpcTransport")
        channel = transport.create_channel(
            host=self.account.endpoint,
            credentials=self.credential.made(),
            ssl_credentials=grpc.ssl_channel_credentials(self.roots),
            options=[("grpc.max_receive_message_length", LARGEST_ANSWER)],
        )
        client = getattr(self.module(f"services.services.{module}"), f"{service}Client")
        return client(transport=transport(channel=channel))

    def headers(self) -> list[tuple[str, str]]:
        """What every call carries besides its token."""
        login = self.account.login_customer_id
        return [] if login is None else [("login-customer-id", login)]

    def faults(self, fault: Any) -> list[Fault]:
        """The failure in a refused call's trailer; where there is none, its status."""
        key = f"google.ads.googleads.{self.facts.api_version}.errors.googleadsfailure-bin"
        for cause in fault.errors:
            trailer = cause.trailing_metadata() if hasattr(cause, "trailing_metadata") else None
            for name, value in trailer or ():
                if name == key:
                    failure = self.failure()
                    failure.ParseFromString(value)
                    return list(faults_of(failure))
        if PLUGIN in fault.message:
            return [Fault(code="oauth_plugin", text=fault.message)]
        status = fault.grpc_status_code
        return [Fault(code=f"grpc_{status.name if status else 'UNKNOWN'}", text=fault.message)]

    def failure(self) -> Any:
        """An empty GoogleAdsFailure."""
        return self.module(FAILURES).GoogleAdsFailure.pb()()

    def module(self, name: str) -> Any:
        """A module of the version this release speaks."""
        return import_module(f"google.ads.googleads.{self.facts.api_version}.{name}")

    def excerpt(self, text: str) -> str:
        """Vendor text, scrubbed and short enough to keep."""
        return excerpt(text, *self.credential.secrets)


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
        )


def _code(code: Any) -> str:
    """`group.NAME`, with the number for a name this version does not know."""
    group = code.WhichOneof("error_code")
    if group is None:
        return "unknown_group"
    number = getattr(code, group)
    known = code.DESCRIPTOR.fields_by_name[group].enum_type.values_by_number.get(number)
    return f"{group}.{known.name if known else number}"
