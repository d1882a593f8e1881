"""Google's access token for one account, refreshed before it is used.

A refused refresh inside a gRPC call looks like an outage, so tokens are fetched on purpose and
their faults told apart here. Source: specs/google_ads.md §1.4, §1.5.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.google_ads.settings import Account
from conversion_sync.platforms.http import CONNECT_SECONDS, READ_SECONDS
from conversion_sync.platforms.platform import SendResult
from conversion_sync.redaction import excerpt

REMEDY = "Consent again with the adwords and datamanager scopes and configure the new refresh token."


@dataclass(slots=True)
class Credential:
    """One account's OAuth credential. `secrets` are hidden in every text it words."""

    account: Account
    _made: Any = field(default=None, repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be seen: the configured secrets and the token of the moment."""
        held = (self.account.refresh_token, self.account.client_secret)
        token = self._made.token if self._made is not None else None
        return (*(secret.get_secret_value() for secret in held), token or "")

    def made(self) -> Any:
        """The vendor's credential object, the same for both APIs."""
        from google.oauth2.credentials import Credentials

        if self._made is None:
            self._made = Credentials(
                token=None,
                refresh_token=self.account.refresh_token.get_secret_value(),
                client_id=self.account.client_id.get_secret_value(),
                client_secret=self.account.client_secret.get_secret_value(),
                token_uri=self.account.token_uri,
            )
        return self._made

    def token(self) -> str | SendResult:
        """A token that is valid, or why there is none."""
        refused = self.refused()
        return refused if refused is not None else str(self.made().token)

    def renewed(self, refused: str) -> str | SendResult:
        """Another token after Google refused this one."""
        if self._made is not None and self._made.token == refused:
            self._made.token = None
        return self.token()

    def refused(self) -> SendResult | None:
        """Fetches a token where none is valid; why there is none, or None when there is."""
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request

        credentials = self.made()
        if credentials.valid:
            return None
        try:
            credentials.refresh(partial(Request(), timeout=CONNECT_SECONDS + READ_SECONDS))
        except GoogleAuthError as fault:
            return self.fault(fault)
        except TypeError:
            # The library indexes whatever the token address answers with 200.
            return _unavailable("The token address answers something that is no token.")
        return None

    def fault(self, fault: Exception) -> SendResult:
        """What a fault of google-auth means: a human first where the grant is refused, else a wait."""
        from google.auth.exceptions import RefreshError

        text = excerpt(str(fault.args[0]) if fault.args else type(fault).__name__, *self.secrets)
        answer = fault.args[1] if len(fault.args) > 1 else None
        if not isinstance(fault, RefreshError) or fault.retryable or not isinstance(answer, dict):
            return _unavailable(text)
        name = answer.get("error")
        if not isinstance(name, str):
            return _unavailable(text)
        return SendResult(outcome=Outcome.HOLD, code=f"oauth_{name[:40]}", text=text, remedy=REMEDY)


def _unavailable(text: str) -> SendResult:
    return SendResult(outcome=Outcome.RETRY_LATER, code="oauth_unavailable", text=text)
