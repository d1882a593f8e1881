"""TikTok's Events API 2.0 over plain HTTP; the vendor's package does not know this call.

Source: specs/meta_tiktok_linkedin_microsoft.md §2.1, §2.4, §2.5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conversion_sync.config.settings import TikTokAccount
from conversion_sync.model.conversion import Outbound
from conversion_sync.platforms.http import Headers, Lost, Wire
from conversion_sync.platforms.platform import Catalogue, Platform, Preflight, SendResult, Settlement
from conversion_sync.platforms.tiktok.classify import classify
from conversion_sync.platforms.tiktok.encode import invalid, request
from conversion_sync.platforms.verdict import checked_here, nameless, nothing_to_ask

UNASKED = "not asked: TikTok can be asked nothing without sending; the first delivery tries token and pixel"


class TikTokAdapter:
    """One pixel."""

    def __init__(self, account: TikTokAccount, facts: Catalogue) -> None:
        self._account = account
        self._facts = facts
        token = account.access_token.get_secret_value()
        self._auth = Headers({"Access-Token": token})
        self._wire = Wire(secrets=(token,))

    @property
    def catalogue(self) -> Catalogue:
        """TikTok's facts."""
        return self._facts

    def invalid(self, row: Outbound) -> str | None:
        """Why TikTok would refuse the row."""
        return invalid(row)

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        """One request. TikTok has no check without effect: the check is ours."""
        if validate_only:
            return checked_here(batch, invalid)
        version = self._facts.api_version
        address = f"{self._account.base_url.rstrip('/')}/open_api/{version}/event/track/"
        answer = self._wire.post_json(address, request(self._account.pixel_code, batch), auth=self._auth)
        if isinstance(answer, Lost):
            return answer.result()
        return classify(self._facts, answer, len(batch), nameless(batch, self._wire.excerpt))

    def settlement(self, request_ref: str) -> Settlement:  # noqa: ARG002
        """TikTok answers at once."""
        return nothing_to_ask()

    def preflight(self, targets: Mapping[str, Mapping[str, str]]) -> Preflight:  # noqa: ARG002
        """TikTok tells nothing about a pixel's token, and any event sent would count (§2.4)."""
        return Preflight(said=UNASKED)

    def close(self) -> None:
        """Releases sockets."""
        self._wire.close()


def adapter(account: TikTokAccount, facts: Catalogue) -> Platform:
    """The adapter of one account. Opens nothing."""
    return TikTokAdapter(account, facts)
