"""LinkedIn's access tokens that a refresh token is exchanged for.

Source: specs/meta_tiktok_linkedin_microsoft.md §3.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.http import Lost, Reply, Wire, members
from conversion_sync.platforms.linkedin.settings import Account
from conversion_sync.platforms.platform import SendResult
from conversion_sync.platforms.verdict import FIRST_SERVER_ERROR

REMEDY = "Consent again in LinkedIn's developer portal and put the new refresh token into the configuration."
TOO_MANY = 429


@dataclass(slots=True)
class RefreshedToken:
    """An access token a refresh token is exchanged for when it is first needed."""

    account: Account
    wire: Wire
    _fetched: str | None = field(default=None, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The access token of the moment."""
        return (self._fetched,) if self._fetched else ()

    def token(self) -> str | SendResult:
        """The access token, or why there is none; nothing was sent in that case."""
        return self._fetched or self.renewed("")

    def renewed(self, refused: str) -> str | SendResult:  # noqa: ARG002
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
