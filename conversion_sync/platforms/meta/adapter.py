"""Meta's Conversions API: one dataset, by the vendor's request class over our own connection.

Source: specs/meta_tiktok_linkedin_microsoft.md §1.1, §1.3.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

from conversion_sync.model.conversion import Outbound
from conversion_sync.platforms.http import Bearer, Lost, Reply, Wire, members
from conversion_sync.platforms.meta.classify import REMEDY, classify
from conversion_sync.platforms.meta.encode import event, invalid
from conversion_sync.platforms.meta.sdk import Client, post
from conversion_sync.platforms.meta.settings import Account
from conversion_sync.platforms.platform import Catalogue, Platform, Preflight, SendResult, Settlement, Tokens
from conversion_sync.platforms.preflight import refused
from conversion_sync.platforms.tokens import signed
from conversion_sync.platforms.verdict import OK, checked_here, nameless, nothing_to_ask


class MetaAdapter:
    """One dataset."""

    def __init__(self, account: Account, facts: Catalogue, tokens: Tokens) -> None:
        self._account = account
        self._facts = facts
        self._tokens = tokens
        self._app_secret = account.app_secret.get_secret_value() if account.app_secret else None
        self._wire = Wire(tokens, (self._app_secret or "",))

    @property
    def catalogue(self) -> Catalogue:
        """Meta's facts."""
        return self._facts

    def invalid(self, row: Outbound) -> str | None:
        """Why Meta would refuse the row."""
        return invalid(self._facts, row)

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        """One request. Meta has no check without effect, test events count: the check is ours."""
        if validate_only:
            return checked_here(batch, self.invalid)
        events = [event(row, self._facts.identifiers) for row in batch]
        answer = signed(self._tokens, lambda token: self._post(events, token), _never)
        if isinstance(answer, SendResult):
            return answer
        return classify(self._facts, answer, len(batch), nameless(batch, self._wire.excerpt))

    def settlement(self, request_ref: str) -> Settlement:  # noqa: ARG002
        """Meta answers at once."""
        return nothing_to_ask()

    def preflight(self, targets: Mapping[str, Mapping[str, str]]) -> Preflight:  # noqa: ARG002
        """Reads the dataset with the token and its proof (§9.14). Event names are free: none to look up."""
        dataset = self._account.dataset_id
        address = "/".join((self._account.base_url.rstrip("/"), self._facts.api_version, dataset))
        answer = signed(self._tokens, lambda token: self._get(address, token), _never)
        if isinstance(answer, SendResult):
            return Preflight(findings=[refused(answer, REMEDY)])
        body = members(answer.document())
        if answer.status == OK and body.get("id") == dataset:
            return Preflight(said=f"the token may use dataset {dataset}")
        read = classify(self._facts, answer, 0, self._wire.excerpt)
        return Preflight(findings=[refused(read, REMEDY)])

    def _get(self, address: str, token: str) -> Reply | Lost:
        return self._wire.get(address, auth=Bearer(token), query={"fields": "name"} | self._proof(token))

    def _proof(self, token: str) -> dict[str, str]:
        if self._app_secret is None:
            return {}
        digest = hmac.new(self._app_secret.encode(), token.encode(), hashlib.sha256)
        return {"appsecret_proof": digest.hexdigest()}

    def close(self) -> None:
        """Releases sockets."""
        self._wire.close()

    def _post(self, events: Sequence[Mapping[str, Any]], token: str) -> Reply | Lost:
        return post(
            Client(self._wire, self._account.base_url, self._facts.api_version),
            self._account.dataset_id,
            events,
            token=token,
            app_secret=self._app_secret,
            test_event_code=self._account.test_event_code,
        )


def _never(reply: Reply) -> bool:  # noqa: ARG001
    """A system user's token is not renewed by machine (§1.3)."""
    return False


def adapter(account: Account, facts: Catalogue, tokens: Tokens) -> Platform:
    """The adapter of one account. Opens nothing."""
    return MetaAdapter(account, facts, tokens)
