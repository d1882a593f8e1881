"""What a Google Ads account and its targets hold."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr

from conversion_sync.config.forms import Digits, form
from conversion_sync.config.roots import REMEDY, roots_fault
from conversion_sync.config.settings import Finding, OAuthSettings, TargetSettings

Customer = Annotated[
    str, form("[0-9]{10}", "must be ten digits", "Write the ten digits without dashes, in quotes.")
]
Endpoint = Annotated[str, Field(pattern=r"^[^/\s]+$")]


class UploadApi(StrEnum):
    """How conversions are sent. Each is a route in the platform's catalogue."""

    DATA_MANAGER = "data_manager"
    """The Data Manager API: open to everybody, confirms later and names no rows."""
    CLICK_UPLOAD = "click_upload"
    """UploadClickConversions of the Google Ads API: for projects that used it before June 2026."""


class Account(OAuthSettings):
    """Conversions go by the API chosen here, corrections always through the Google Ads API."""

    upload_api: UploadApi = UploadApi.DATA_MANAGER
    customer_id: Customer
    login_customer_id: Customer | None = None
    client_id: SecretStr
    client_secret: SecretStr
    data_manager_endpoint: Endpoint = "datamanager.googleapis.com"
    """host[:port] of Data Manager, always TLS."""
    endpoint: Endpoint = "googleads.googleapis.com"
    """host[:port] of the Google Ads API, always TLS."""
    tls_roots: Path | None = None
    """PEM file of the roots to trust for both, for networks that inspect TLS."""
    first_status_after_minutes: float | None = Field(default=None, ge=0)

    def route(self) -> str:
        """The chosen API."""
        return self.upload_api.value

    def findings(self) -> Iterator[Finding]:
        """Roots that cannot be read."""
        yield from super().findings()
        fault = roots_fault(self.tls_roots) if self.tls_roots else None
        if fault is not None:
            yield Finding("tls_roots", fault, REMEDY)


class Target(TargetSettings):
    """The number in the address of the conversion action's page."""

    conversion_action_id: Digits
