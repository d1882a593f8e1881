"""Microsoft Advertising's REST API over plain HTTP; the vendor's package takes seconds to load.

Source: specs/meta_tiktok_linkedin_microsoft.md §4.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial

from conversion_sync.model.conversion import ConversionKind, Outbound
from conversion_sync.platforms.http import Headers, Lost, Reply, Wire
from conversion_sync.platforms.microsoft_ads.classify import REMEDY, classify, expired
from conversion_sync.platforms.microsoft_ads.encode import adjustments, conversions, invalid
from conversion_sync.platforms.microsoft_ads.preflight import goal_findings, goals_of, query
from conversion_sync.platforms.microsoft_ads.settings import Account
from conversion_sync.platforms.platform import (
    Catalogue,
    Platform,
    Preflight,
    SendResult,
    Settlement,
    Tokens,
)
from conversion_sync.platforms.preflight import refused
from conversion_sync.platforms.tokens import signed
from conversion_sync.platforms.verdict import checked_here, nameless, nothing_to_ask


class MicrosoftAdsAdapter:
    """One account of one customer. Conversions and their adjustments are lists of their own."""

    def __init__(
        self, account: Account, facts: Catalogue, tokens: Tokens, clock: Callable[[], datetime]
    ) -> None:
        self._clock = clock
        self._account = account
        self._facts = facts
        self._base = f"{account.base_url.rstrip('/')}/CampaignManagement/{facts.api_version}"
        self._wire = Wire(tokens, (account.developer_token.get_secret_value(),))
        self._tokens = tokens

    @property
    def catalogue(self) -> Catalogue:
        """Microsoft's facts."""
        return self._facts

    def invalid(self, row: Outbound) -> str | None:
        """Why Microsoft would refuse the row."""
        return invalid(row)

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        """One request, and once again with a new token where the old one is over.

        Microsoft has no check without effect: with `validate_only` the check is ours.
        """
        if validate_only:
            return checked_here(batch, invalid)
        if batch[0].kind is ConversionKind.ADJUSTMENT:
            answer = self._post("OfflineConversionAdjustments/Apply", adjustments(batch))
        else:
            answer = self._post("OfflineConversions/Apply", conversions(batch, self._facts.identifiers))
        if isinstance(answer, SendResult):
            return answer
        return classify(self._facts, answer, batch, nameless(batch, self._wire.excerpt), self._clock())

    def settlement(self, request_ref: str) -> Settlement:  # noqa: ARG002
        """Microsoft answers at once; that reports show it hours later changes nothing."""
        return nothing_to_ask()

    def preflight(self, targets: Mapping[str, Mapping[str, str]]) -> Preflight:
        """Reads the account's goals, and looks at those that are named."""
        answer = self._post("ConversionGoals/QueryByIds", query())
        if isinstance(answer, SendResult):
            return Preflight(findings=[refused(answer, REMEDY)])
        goals = goals_of(answer)
        if goals is None:
            read = classify(self._facts, answer, (), self._wire.excerpt, self._clock())
            return Preflight(findings=[refused(read, REMEDY)])
        found = [
            finding
            for action, target in sorted(targets.items())
            for finding in goal_findings(action, target["conversion_name"], goals, self._facts.click_window)
        ]
        said = f"the credential gets in, {len(targets)} conversion goals looked up"
        return Preflight(said=said, findings=found)

    def close(self) -> None:
        """Releases sockets."""
        self._wire.close()

    def _post(self, path: str, body: object) -> Reply | SendResult:
        def request(token: str) -> Reply | Lost:
            return self._wire.post_json(f"{self._base}/{path}", body, auth=self._auth(token))

        return signed(self._tokens, request, partial(expired, self._facts))

    def _auth(self, token: str) -> Headers:
        return Headers(
            {
                "Authorization": f"Bearer {token}",
                "DeveloperToken": self._account.developer_token.get_secret_value(),
                "CustomerId": self._account.customer_id,
                "CustomerAccountId": self._account.customer_account_id,
            }
        )


def adapter(account: Account, facts: Catalogue, tokens: Tokens) -> Platform:
    """The adapter of one account. Opens nothing."""
    return MicrosoftAdsAdapter(account, facts, tokens, lambda: datetime.now(UTC))
