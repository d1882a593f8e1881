"""The Google Ads API of one account: its services' generated clients, and the failures they answer with.

The package's own client class prints click ids into its log; the services need none of it.
Source: specs/google_ads.md §1.5 (faults), §1.7 (types).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from conversion_sync.platforms.google_ads.classify import Fault
from conversion_sync.platforms.google_ads.rpc import Failed, Rpc
from conversion_sync.platforms.google_ads.settings import Account
from conversion_sync.platforms.platform import Catalogue
from conversion_sync.redaction import excerpt

FAILURES = "errors.types.errors"
ROW_FIELDS = frozenset({"conversions", "conversion_adjustments", "operations"})
RENEWABLE = frozenset(
    {"authentication_error.OAUTH_TOKEN_EXPIRED", "authentication_error.OAUTH_TOKEN_INVALID"}
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that failed as a whole."""

    faults: Sequence[Fault]


@dataclass(frozen=True, slots=True)
class AdsApi:
    """The services of one account."""

    account: Account
    facts: Catalogue
    rpc: Rpc

    def call(self, module: str, service: str, method: str, request: Any) -> Any:
        """The service's answer, a Refusal, or why nothing was sent. A token that ran out is renewed once."""

        def client(channel: Any) -> Any:
            transports = self.module(f"services.services.{module}.transports")
            transport = getattr(transports, f"{service}GrpcTransport")
            made = getattr(self.module(f"services.services.{module}"), f"{service}Client")
            return made(transport=transport(channel=channel))

        login = self.account.login_customer_id
        answer = self.rpc.call(
            client,
            method,
            request,
            refused=lambda failed: any(fault.code in RENEWABLE for fault in self._faults(failed)),
            metadata=[] if login is None else [("login-customer-id", login)],
        )
        return Refusal(self._faults(answer)) if isinstance(answer, Failed) else answer

    def module(self, name: str) -> Any:
        """A module of the version this release speaks."""
        return import_module(f"google.ads.googleads.{self.facts.api_version}.{name}")

    def failure(self) -> Any:
        """An empty GoogleAdsFailure."""
        return self.module(FAILURES).GoogleAdsFailure.pb()()

    def excerpt(self, text: str) -> str:
        """Vendor text, scrubbed and short enough to keep."""
        return excerpt(text, *self.rpc.tokens.secrets)

    def close(self) -> None:
        """Releases the channel."""
        self.rpc.close()

    def _faults(self, failed: Failed) -> list[Fault]:
        """The failure in a refused call's trailer; where there is none, its status."""
        key = f"google.ads.googleads.{self.facts.api_version}.errors.googleadsfailure-bin"
        if key not in failed.trailer:
            return [Fault(code=failed.code, text=failed.text)]
        failure = self.failure()
        failure.ParseFromString(failed.trailer[key])
        return list(faults_of(failure))


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
