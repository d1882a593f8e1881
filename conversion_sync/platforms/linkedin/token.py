"""LinkedIn's access tokens: one from the configuration, or one a refresh token is exchanged for.

Source: specs/meta_tiktok_linkedin_microsoft.md §3.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from conversion_sync.config.settings import LinkedInAccount
from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.http import Lost, Reply, Wire, members
from conversion_sync.platforms.platform import SendResult
from conversion_sync.platforms.verdict import FIRST_SERVER_ERROR

REMEDY = "Consent again in LinkedIn's developer portal and put the new refresh token into the configuration."
TOO_MANY = 429


@dataclass(slots=True)
class Tokens:
    """The account's access token, fetched when it is first needed."""

    account: LinkedInAccount
    wire: Wire
    _fetched: str | None = field(default=None, repr=False)

    @property
    def renewable(self) -> bool:
        """Whether a refused token can be exchanged for a new one."""
        return self.account.access_token is None and self.account.refresh_token is not None

    def token(self) -> str | SendResult:
        """The access token, or why there is none; nothing was sent in that case."""
        if self.account.access_token is not None:
            return self.account.access_token.get_secret_value()
        return self._fetched or self.renew()

    def renew(self) -> str | SendResult:
        """A new access token for the refresh token."""
        form = self._form()
        if form is None:
            text = "The account has neither an access token nor a refresh token with its client."
            return SendResult(
                outcome=Outcome.HOLD,
                code="oauth_no_credential",
                text=text,
                remedy="Set access_token, or refresh_token with client_id and client_secret.",
            )
        answer = self.wire.post_form(self.account.token_uri, form)
        if isinstance(answer, Lost):
            return answer.result() if answer.remedy else _unavailable(answer.text, None)
        token = members(answer.document()).get("access_token")
        if isinstance(token, str) and token and answer.status < 300:
            self._fetched = token
            self.wire.secrets = (*self.wire.secrets, token)
            return token
        self._fetched = None
        return _refused(answer, self.wire.excerpt(answer.text))

    def _form(self) -> dict[str, str] | None:
        known = (self.account.refresh_token, self.account.client_id, self.account.client_secret)
        values = [secret.get_secret_value() for secret in known if secret is not None]
        if len(values) != len(known):
            return None
        names = ("refresh_token", "client_id", "client_secret")
        return {"grant_type": "refresh_token", **dict(zip(names, values, strict=True))}


def _refused(answer: Reply, text: str) -> SendResult:
    """The token endpoint's refusal: OAuth's own errors are for a human, anything else passes."""
    error = members(answer.document()).get("error")
    passing = answer.status >= FIRST_SERVER_ERROR or answer.status == TOO_MANY
    if passing or not isinstance(error, str):
        return _unavailable(text, answer)
    return SendResult(
        outcome=Outcome.HOLD,
        code=f"oauth_{error[:40]}",
        text=text,
        remedy=REMEDY,
        http_status=answer.status,
    )


def _unavailable(text: str, answer: Reply | None) -> SendResult:
    return SendResult(
        outcome=Outcome.RETRY_LATER,
        code="oauth_unavailable",
        text=text,
        http_status=answer.status if answer else None,
        retry_after=answer.retry_after if answer else None,
    )
