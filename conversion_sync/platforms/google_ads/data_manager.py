"""Google's Data Manager API: events in, their status later.

Source: specs/google_ads.md §5.2, §5.5, §5.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.platforms.google_ads.events import ingestion
from conversion_sync.platforms.google_ads.ingested import refusal, status_of
from conversion_sync.platforms.google_ads.rpc import UNAUTHENTICATED, Failed, Rpc
from conversion_sync.platforms.google_ads.settings import Account
from conversion_sync.platforms.platform import Catalogue, SendResult, Settlement, SettlementStatus
from conversion_sync.redaction import excerpt


@dataclass(frozen=True, slots=True)
class DataManager:
    """The ingestion service of one account."""

    account: Account
    facts: Catalogue
    rpc: Rpc

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        """One `IngestEvents`: taken in whole, to be asked after by its request id, or refused whole."""
        from google.ads.datamanager_v1.types import IngestEventsRequest, IngestEventsResponse

        message = ingestion(
            IngestEventsRequest.pb()(),
            batch,
            self.facts.identifiers,
            self.account.customer_id,
            self.account.login_customer_id,
            validate_only=validate_only,
        )
        answer = self._call("ingest_events", IngestEventsRequest.wrap(message))
        if isinstance(answer, SendResult):
            return answer
        if isinstance(answer, Failed):
            return refusal(self.facts, answer, batch, self._excerpt)
        name = IngestEventsResponse.pb(answer).request_id
        if not name:
            text = "The answer has no request id."
            return SendResult(outcome=Outcome.AMBIGUOUS, code="unreadable", text=text)
        if validate_only:
            return SendResult(outcome=Outcome.DELIVERED, code="checked")
        return SendResult(outcome=Outcome.ACCEPTED, code="ok", request_ref=name)

    def settlement(self, request_ref: str) -> Settlement:
        """What became of a request, by counts a reason."""
        from google.ads.datamanager_v1.types import (
            RetrieveRequestStatusRequest,
            RetrieveRequestStatusResponse,
        )

        message = RetrieveRequestStatusRequest.pb()(request_id=request_ref)
        answer = self._call("retrieve_request_status", RetrieveRequestStatusRequest.wrap(message))
        if isinstance(answer, SendResult):
            return _deferred(answer)
        if isinstance(answer, Failed):
            return _deferred(refusal(self.facts, answer, (), self._excerpt))
        found = status_of(RetrieveRequestStatusResponse.pb(answer))
        return found or Settlement(status=SettlementStatus.LATER, code="unreadable")

    def close(self) -> None:
        """Releases the channel."""
        self.rpc.close()

    def _call(self, method: str, request: Any) -> Any:
        return self.rpc.call(_client, method, request, refused=lambda failed: failed.code == UNAUTHENTICATED)

    def _excerpt(self, text: str) -> str:
        return excerpt(text, *self.rpc.tokens.secrets)


def _client(channel: Any) -> Any:
    from google.ads.datamanager_v1.services.ingestion_service import IngestionServiceClient
    from google.ads.datamanager_v1.services.ingestion_service.transports import IngestionServiceGrpcTransport

    return IngestionServiceClient(transport=IngestionServiceGrpcTransport(channel=channel))


def _deferred(answer: SendResult) -> Settlement:
    """A question that was not answered: a human first, or again later."""
    held = answer.outcome is Outcome.HOLD
    return Settlement(
        status=SettlementStatus.HOLD if held else SettlementStatus.LATER,
        code=answer.code,
        text=f"{answer.text} {answer.remedy}".rstrip(),
        retry_after=answer.retry_after,
    )
