"""Corrections through the Google Ads API. Source: specs/google_ads.md §1.7 (types), §3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.platforms.google_ads.api import AdsApi, faults_of
from conversion_sync.platforms.google_ads.classify import Fault, partial_failure, request_fault
from conversion_sync.platforms.google_ads.encode import adjustments
from conversion_sync.platforms.http import CONNECT_SECONDS, READ_SECONDS
from conversion_sync.platforms.platform import SendResult

SERVICE = "conversion_adjustment_upload_service"
REQUESTS = f"services.types.{SERVICE}"


@dataclass(slots=True)
class Corrections:
    """The adjustment service of one account. Opens its channel with the first request."""

    api: AdsApi
    _service: Any = field(default=None, repr=False)

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        """One `upload_conversion_adjustments`; rows fail one by one."""
        refused = self.api.credential.refused()
        if refused is not None:
            return refused
        from google.api_core.exceptions import GoogleAPICallError
        from google.protobuf.json_format import ParseDict

        kind = self.api.module(REQUESTS).UploadConversionAdjustmentsRequest
        document = adjustments(batch, self.api.account.customer_id, validate_only=validate_only)
        try:
            answer = self._opened().upload_conversion_adjustments(
                request=kind.wrap(ParseDict(document, kind.pb()())),
                timeout=CONNECT_SECONDS + READ_SECONDS,
                metadata=self.api.headers(),
            )
        except GoogleAPICallError as fault:
            return request_fault(self.api.facts, self.api.faults(fault), self.api.excerpt)
        return self._read(type(answer).pb(answer), batch)

    def close(self) -> None:
        """Releases the channel."""
        if self._service is not None:
            self._service.transport.close()
            self._service = None

    def _read(self, answer: Any, batch: Sequence[Outbound]) -> SendResult:
        verbs = [row.verb for row in batch]
        if answer.partial_failure_error.code == 0:
            return partial_failure(self.api.facts, verbs, (), self.api.excerpt)
        faults: list[Fault] = []
        for detail in answer.partial_failure_error.details:
            failure = self.api.failure()
            if detail.Unpack(failure):
                faults.extend(faults_of(failure))
        if not faults:
            text = self.api.excerpt(answer.partial_failure_error.message)
            return SendResult(outcome=Outcome.AMBIGUOUS, code="unreadable", text=text)
        return partial_failure(self.api.facts, verbs, faults, self.api.excerpt)

    def _opened(self) -> Any:
        if self._service is None:
            self._service = self.api.open(SERVICE, "ConversionAdjustmentUploadService")
        return self._service
