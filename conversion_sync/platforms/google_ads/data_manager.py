"""Google's Data Manager API over REST: events in, their status later.

Source: specs/google_ads.md §5.2, §5.5, §5.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.platforms.google_ads.classify import refusal, status_of
from conversion_sync.platforms.google_ads.events import ingestion
from conversion_sync.platforms.google_ads.settings import Account
from conversion_sync.platforms.http import Bearer, Lost, Reply, Wire, members
from conversion_sync.platforms.platform import Catalogue, SendResult, Settlement, SettlementStatus, Tokens
from conversion_sync.platforms.tokens import signed
from conversion_sync.platforms.verdict import FIRST_REDIRECT

INGEST, STATUS = "/v1/events:ingest", "/v1/requestStatus:retrieve"


@dataclass(frozen=True, slots=True)
class DataManager:
    """The ingestion service of one account."""

    account: Account
    facts: Catalogue
    tokens: Tokens
    wire: Wire

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        """One `events:ingest`: taken in whole, to be asked after by its request id, or refused whole."""
        document = ingestion(
            batch,
            self.facts.identifiers,
            self.account.customer_id,
            self.account.login_customer_id,
            validate_only=validate_only,
        )

        def post(token: str) -> Reply | Lost:
            return self.wire.post_json(self._address(INGEST), document, auth=Bearer(token))

        reply = signed(self.tokens, post, _unauthorised)
        if isinstance(reply, SendResult):
            return reply
        if not _good(reply):
            return refusal(self.facts, reply, batch, self.wire.excerpt)
        name = members(reply.document()).get("requestId")
        if not isinstance(name, str) or not name:
            text = self.wire.excerpt("The answer has no request id.")
            return SendResult(
                outcome=Outcome.AMBIGUOUS, code="unreadable", text=text, http_status=reply.status
            )
        if validate_only:
            return SendResult(outcome=Outcome.DELIVERED, code="checked")
        return SendResult(outcome=Outcome.ACCEPTED, code="ok", request_ref=name)

    def settlement(self, request_ref: str) -> Settlement:
        """What became of a request, by counts a reason."""

        def get(token: str) -> Reply | Lost:
            query = {"requestId": request_ref}
            return self.wire.get(self._address(STATUS), auth=Bearer(token), query=query)

        reply = signed(self.tokens, get, _unauthorised)
        if isinstance(reply, SendResult):
            return _deferred(reply)
        if not _good(reply):
            return _deferred(refusal(self.facts, reply, (), self.wire.excerpt))
        found = status_of(reply.document())
        return found or Settlement(status=SettlementStatus.LATER, code="unreadable")

    def _address(self, path: str) -> str:
        return self.account.data_manager_endpoint.rstrip("/") + path


def _good(reply: Reply) -> bool:
    return HTTPStatus.OK <= reply.status < FIRST_REDIRECT


def _unauthorised(reply: Reply) -> bool:
    return reply.status == HTTPStatus.UNAUTHORIZED


def _deferred(answer: SendResult) -> Settlement:
    """A question that was not answered: a human first, or again later."""
    held = answer.outcome is Outcome.HOLD
    return Settlement(
        status=SettlementStatus.HOLD if held else SettlementStatus.LATER,
        code=answer.code,
        text=answer.text,
        retry_after=answer.retry_after,
    )
