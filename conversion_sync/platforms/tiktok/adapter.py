"""TikTok's Events API 2.0 over plain HTTP; the vendor's package does not know this call.

Source: specs/meta_tiktok_linkedin_microsoft.md §2.1, §2.4, §2.5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.platforms.http import Headers, Lost, Reply, Wire
from conversion_sync.platforms.platform import Catalogue, Platform, Preflight, SendResult, Settlement, Tokens
from conversion_sync.platforms.preflight import UNASKED, refused
from conversion_sync.platforms.tiktok.classify import REMEDY, classify, token_refused
from conversion_sync.platforms.tiktok.encode import invalid, request
from conversion_sync.platforms.tiktok.settings import Account
from conversion_sync.platforms.tokens import signed
from conversion_sync.platforms.verdict import checked_here, nameless, nothing_to_ask

IN_ORDER = "TikTok knows the token; the first delivery tries the pixel"


class TikTokAdapter:
    """One pixel."""

    def __init__(self, account: Account, facts: Catalogue, tokens: Tokens) -> None:
        self._account = account
        self._facts = facts
        self._tokens = tokens
        self._wire = Wire(tokens)

    @property
    def catalogue(self) -> Catalogue:
        """TikTok's facts."""
        return self._facts

    def invalid(self, row: Outbound) -> str | None:
        """Why TikTok would refuse the row."""
        return invalid(self._facts, row)

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        """One request. TikTok has no check without effect: the check is ours."""
        if validate_only:
            return checked_here(batch, self.invalid)
        body = request(self._account.pixel_code, batch, self._facts.identifiers)
        answer = self._signed(lambda token: self._post("event/track", body, token))
        if isinstance(answer, SendResult):
            return answer
        return classify(self._facts, answer, len(batch), nameless(batch, self._wire.excerpt))

    def settlement(self, request_ref: str) -> Settlement:  # noqa: ARG002
        """TikTok answers at once."""
        return nothing_to_ask()

    def preflight(self, targets: Mapping[str, Mapping[str, str]]) -> Preflight:  # noqa: ARG002
        """Asks about a token that was fetched; of others and of a pixel TikTok tells nothing (§2.4)."""
        app = self._account.client_id
        if self._account.access_token is not None or app is None or self._account.oauth != "tt_user":
            return Preflight(said=UNASKED)
        known = {"app_id": app.get_secret_value()}
        answer = self._signed(
            lambda token: self._post("tt_user/token_info/get", known | {"access_token": token}, token)
        )
        if isinstance(answer, Reply):
            answer = classify(self._facts, answer, 0, self._wire.excerpt)
        if answer.outcome is Outcome.DELIVERED:
            return Preflight(said=IN_ORDER)
        return Preflight(findings=[refused(answer, REMEDY)])

    def _signed(self, request: Callable[[str], Reply | Lost]) -> Reply | SendResult:
        return signed(self._tokens, request, partial(token_refused, self._facts))

    def _post(self, path: str, body: object, token: str) -> Reply | Lost:
        address = f"{self._account.base_url.rstrip('/')}/open_api/{self._facts.api_version}/{path}/"
        return self._wire.post_json(address, body, auth=Headers({"Access-Token": token}))

    def close(self) -> None:
        """Releases sockets."""
        self._wire.close()


def adapter(account: Account, facts: Catalogue, tokens: Tokens) -> Platform:
    """The adapter of one account. Opens nothing."""
    return TikTokAdapter(account, facts, tokens)
