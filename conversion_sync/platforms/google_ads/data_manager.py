"""Google's Data Manager API through the vendor's client over REST: events in, their status later.

The client's own retries stay off: delivery retries, the same way for every platform.
Source: specs/google_ads.md §5.2, §5.5, §5.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.platforms.google_ads.classify import refusal, settled
from conversion_sync.platforms.google_ads.credential import Credential
from conversion_sync.platforms.google_ads.encode import ingestion
from conversion_sync.platforms.google_ads.settings import Account
from conversion_sync.platforms.http import CONNECT_SECONDS, READ_SECONDS, Lost, Reply, may_have_arrived
from conversion_sync.platforms.platform import Catalogue, SendResult, Settlement, SettlementStatus
from conversion_sync.redaction import excerpt

REASON_PREFIX = "PROCESSING_ERROR_REASON_"


@dataclass(slots=True)
class DataManager:
    """The ingestion service of one account. Opens its connection with the first request."""

    account: Account
    facts: Catalogue
    credential: Credential
    _client: Any = field(default=None, repr=False)

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        """One `ingest_events`: taken in whole, to be asked after by its request id, or refused whole."""
        from google.ads.datamanager_v1.types import IngestEventsRequest
        from google.protobuf.json_format import ParseDict

        document = ingestion(
            batch, self.account.customer_id, self.account.login_customer_id, validate_only=validate_only
        )
        request = IngestEventsRequest.wrap(ParseDict(document, IngestEventsRequest.pb()()))
        answer = self._call("ingest_events", request)
        if isinstance(answer, SendResult):
            return answer
        if isinstance(answer, Lost):
            return answer.result()
        if isinstance(answer, Reply):
            return refusal(self.facts, answer, len(batch), self._excerpt)
        if validate_only:
            return SendResult(outcome=Outcome.DELIVERED, code="checked")
        if not answer.request_id:
            return SendResult(
                outcome=Outcome.AMBIGUOUS, code="unreadable", text="The answer has no request id."
            )
        return SendResult(outcome=Outcome.ACCEPTED, code="ok", request_ref=answer.request_id)

    def settlement(self, request_ref: str) -> Settlement:
        """What became of a request, by counts a reason."""
        answer = self._call("retrieve_request_status", {"request_id": request_ref})
        if isinstance(answer, SendResult):
            return _deferred(answer)
        if isinstance(answer, Lost):
            return Settlement(status=SettlementStatus.LATER, code="no_answer", text=answer.text)
        if isinstance(answer, Reply):
            return _deferred(refusal(self.facts, answer, 0, self._excerpt))
        statuses = [each.request_status for each in answer.request_status_per_destination]
        counts = {
            _reason(count.reason): int(count.record_count)
            for each in answer.request_status_per_destination
            for count in each.error_info.error_counts
        }
        return settled([_name(status) for status in statuses], counts)

    def close(self) -> None:
        """Releases the connection."""
        if self._client is not None:
            self._client.transport.close()
            self._client = None

    def _call(self, method: str, request: Any) -> Any:
        """The vendor's message, or what came instead: its refusal, no answer, or a refused credential."""
        import requests
        from google.api_core.exceptions import GoogleAPICallError
        from google.auth.exceptions import GoogleAuthError
        from google.protobuf.json_format import ParseError

        timeout = CONNECT_SECONDS + READ_SECONDS
        refused = self.credential.refused()
        if refused is not None:
            return refused
        try:
            return getattr(self._opened(), method)(request=request, retry=None, timeout=timeout)
        except GoogleAPICallError as fault:
            return _reply(fault)
        except GoogleAuthError as fault:
            return self.credential.fault(fault)
        except requests.RequestException as fault:
            return Lost(
                arrived=may_have_arrived(fault), text=self._excerpt(f"{type(fault).__name__}: {fault}")
            )
        except (ParseError, UnicodeDecodeError) as fault:
            text = self._excerpt(f"The answer is none of Data Manager's: {fault}")
            return SendResult(outcome=Outcome.AMBIGUOUS, code="unreadable", text=text)

    def _opened(self) -> Any:
        from google.ads.datamanager_v1 import IngestionServiceClient

        if self._client is None:
            self._client = IngestionServiceClient(
                credentials=self.credential.made(),
                transport="rest",
                client_options={"api_endpoint": self.account.data_manager_endpoint},
            )
        return self._client

    def _excerpt(self, text: str) -> str:
        return excerpt(text, *self.credential.secrets)


def _reply(fault: Any) -> Reply:
    response = fault.response
    return Reply(
        status=response.status_code,
        headers={name.lower(): value for name, value in response.headers.items()},
        text=response.content.decode("utf-8", "replace"),
    )


def _deferred(answer: SendResult) -> Settlement:
    """A question that was not answered: a human first, or again later."""
    held = answer.outcome is Outcome.HOLD
    return Settlement(
        status=SettlementStatus.HOLD if held else SettlementStatus.LATER,
        code=answer.code,
        text=answer.text,
        retry_after=answer.retry_after,
    )


def _reason(reason: Any) -> str:
    """The reason's name without its prefix; a number nobody knows yet as its digits."""
    name = _name(reason)
    return name.removeprefix(REASON_PREFIX)


def _name(value: Any) -> str:
    return value.name if hasattr(value, "name") else str(int(value))
