"""LinkedIn's Conversions API over plain HTTP; the vendor's package loses every error.

Source: specs/meta_tiktok_linkedin_microsoft.md §3.1, §3.6.
"""

from __future__ import annotations

from collections.abc import Sequence

from conversion_sync.config.settings import LinkedInAccount
from conversion_sync.model.conversion import Outbound
from conversion_sync.platforms.http import Bearer, Lost, Reply, Wire
from conversion_sync.platforms.linkedin.classify import classify
from conversion_sync.platforms.linkedin.encode import invalid, request
from conversion_sync.platforms.linkedin.token import Tokens
from conversion_sync.platforms.platform import Catalogue, Platform, SendResult, Settlement
from conversion_sync.platforms.verdict import checked_here, nameless, nothing_to_ask

UNAUTHORISED = 401


class LinkedInAdapter:
    """One ad account's conversion rules."""

    def __init__(self, account: LinkedInAccount, facts: Catalogue) -> None:
        self._facts = facts
        self._address = f"{account.base_url.rstrip('/')}/rest/conversionEvents"
        held = (account.access_token, account.refresh_token, account.client_id, account.client_secret)
        self._wire = Wire(secrets=tuple(secret.get_secret_value() for secret in held if secret))
        self._tokens = Tokens(account, self._wire)

    @property
    def catalogue(self) -> Catalogue:
        """LinkedIn's facts."""
        return self._facts

    def invalid(self, row: Outbound) -> str | None:
        """Why LinkedIn would refuse the row."""
        return invalid(row)

    def send(self, batch: Sequence[Outbound], *, validate_only: bool) -> SendResult:
        """One request, and once again with a new token where the old one is refused.

        LinkedIn has no check without effect: with `validate_only` the check is ours.
        """
        if validate_only:
            return checked_here(batch, invalid)
        token = self._tokens.token()
        if isinstance(token, SendResult):
            return token
        answer = self._post(batch, token)
        if isinstance(answer, Reply) and answer.status == UNAUTHORISED and self._tokens.renewable:
            token = self._tokens.renew()
            if isinstance(token, SendResult):
                return token
            answer = self._post(batch, token)
        if isinstance(answer, Lost):
            return answer.result()
        return classify(self._facts, answer, len(batch), nameless(batch, self._wire.excerpt))

    def settlement(self, request_ref: str) -> Settlement:  # noqa: ARG002
        """LinkedIn answers at once."""
        return nothing_to_ask()

    def close(self) -> None:
        """Releases sockets."""
        self._wire.close()

    def _post(self, batch: Sequence[Outbound], token: str) -> Reply | Lost:
        headers = {
            "LinkedIn-Version": self._facts.api_version,
            "X-Restli-Protocol-Version": "2.0.0",
            "X-RestLi-Method": "BATCH_CREATE",
        }
        return self._wire.post_json(self._address, request(batch), auth=Bearer(token), headers=headers)


def adapter(account: LinkedInAccount, facts: Catalogue) -> Platform:
    """The adapter of one account. Opens nothing."""
    return LinkedInAdapter(account, facts)
