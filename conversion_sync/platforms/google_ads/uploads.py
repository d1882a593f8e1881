"""The upload services of the Google Ads API: click conversions and adjustments, whose rows stand alone.

Source: specs/google_ads.md §1.7 (types), §2 (conversions), §3 (adjustments).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.platforms.google_ads.api import AdsApi, Refusal, faults_of
from conversion_sync.platforms.google_ads.classify import Fault, partial_failure, request_fault
from conversion_sync.platforms.google_ads.messages import adjustment, apart, click_conversion
from conversion_sync.platforms.platform import SendResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """One upload service: how its module, client, method and request are called, and what a row becomes."""

    module: str
    service: str
    method: str
    request: str
    rows: str
    encode: Callable[[Outbound, str, Mapping[str, str]], Mapping[str, Any]]
    arranged: Callable[[Sequence[Outbound]], Sequence[Outbound]] = list
    """The batch as it is sent, row by row in the same order."""


CONVERSIONS = Upload(
    module="conversion_upload_service",
    service="ConversionUploadService",
    method="upload_click_conversions",
    request="UploadClickConversionsRequest",
    rows="conversions",
    encode=click_conversion,
    arranged=apart,
)
ADJUSTMENTS = Upload(
    module="conversion_adjustment_upload_service",
    service="ConversionAdjustmentUploadService",
    method="upload_conversion_adjustments",
    request="UploadConversionAdjustmentsRequest",
    rows="conversion_adjustments",
    encode=adjustment,
)


@dataclass(frozen=True, slots=True)
class Uploads:
    """One of the services, for one account."""

    api: AdsApi
    upload: Upload

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        """One request; rows fail one by one, and the others are delivered."""
        kind = self.api.module(f"services.types.{self.upload.module}")
        request = getattr(kind, self.upload.request)
        message = self._message(request.pb()(), batch, validate_only=validate_only)
        answer = self.api.call(
            self.upload.module, self.upload.service, self.upload.method, request.wrap(message)
        )
        if isinstance(answer, SendResult):
            return answer
        if isinstance(answer, Refusal):
            return request_fault(self.api.facts, batch, answer.faults, self.api.excerpt)
        return self._read(type(answer).pb(answer), batch)

    def _message(self, message: Any, batch: Sequence[Outbound], *, validate_only: bool) -> Any:
        customer = self.api.account.customer_id
        message.customer_id = customer
        message.partial_failure = True
        message.validate_only = validate_only
        add, encode, fields = (
            getattr(message, self.upload.rows).add,
            self.upload.encode,
            self.api.facts.identifiers,
        )
        for row in self.upload.arranged(batch):
            add(**encode(row, customer, fields))
        return message

    def _read(self, answer: Any, batch: Sequence[Outbound]) -> SendResult:
        """The rows' own errors. A failure that cannot be read leaves all of them in doubt."""
        if answer.partial_failure_error.code == 0:
            return partial_failure(self.api.facts, batch, (), self.api.excerpt)
        faults: list[Fault] = []
        for detail in answer.partial_failure_error.details:
            failure = self.api.failure()
            if detail.Unpack(failure):
                faults.extend(faults_of(failure))
        if not faults:
            text = self.api.excerpt(answer.partial_failure_error.message)
            return SendResult(outcome=Outcome.AMBIGUOUS, code="unreadable", text=text)
        return partial_failure(self.api.facts, batch, faults, self.api.excerpt)
