"""Reddit's Conversions API v3 over plain HTTP. Source: specs/meta_tiktok_linkedin_microsoft.md §4.2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conversion_sync.model.conversion import Outbound
from conversion_sync.platforms.http import Bearer, Lost, Reply, Wire
from conversion_sync.platforms.platform import Catalogue, Platform, Preflight, SendResult, Settlement, Tokens
from conversion_sync.platforms.preflight import UNASKED
from conversion_sync.platforms.reddit.classify import classify
from conversion_sync.platforms.reddit.encode import invalid, request
from conversion_sync.platforms.reddit.settings import Account
from conversion_sync.platforms.tokens import signed
from conversion_sync.platforms.verdict import checked_here, nameless, nothing_to_ask

UNAUTHORISED = 401


class RedditAdapter:
    """One pixel."""

    def __init__(self, account: Account, facts: Catalogue, tokens: Tokens) -> None:
        base = f"{account.base_url.rstrip('/')}/api/{facts.api_version}"
        self._address = f"{base}/pixels/{account.pixel_id}/conversion_events"
        self._facts = facts
        self._tokens = tokens
        self._wire = Wire(tokens)

    @property
    def catalogue(self) -> Catalogue:
        """Reddit's facts."""
        return self._facts

    def invalid(self, row: Outbound) -> str | None:
        """Why Reddit would refuse the row."""
        return invalid(row)

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        """One request. Reddit has no check without effect: the check is ours."""
        if validate_only:
            return checked_here(batch, invalid)
        body = request(batch, self._facts.identifiers)
        answer = signed(
            self._tokens, lambda token: self._post(body, token), lambda reply: reply.status == UNAUTHORISED
        )
        if isinstance(answer, SendResult):
            return answer
        return classify(self._facts, answer, batch, nameless(batch, self._wire.excerpt))

    def settlement(self, request_ref: str) -> Settlement:  # noqa: ARG002
        """Reddit answers at once."""
        return nothing_to_ask()

    def preflight(self, targets: Mapping[str, Mapping[str, str]]) -> Preflight:  # noqa: ARG002
        """A conversion token may only send, and whatever is sent counts."""
        return Preflight(said=UNASKED)

    def close(self) -> None:
        """Releases sockets."""
        self._wire.close()

    def _post(self, body: object, token: str) -> Reply | Lost:
        return self._wire.post_json(self._address, body, auth=Bearer(token))


def adapter(account: Account, facts: Catalogue, tokens: Tokens) -> Platform:
    """The adapter of one account. Opens nothing."""
    return RedditAdapter(account, facts, tokens)
