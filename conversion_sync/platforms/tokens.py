"""Requests signed with a token, and tokens that are used as they are configured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.http import Lost, Reply
from conversion_sync.platforms.platform import SendResult, Tokens
from conversion_sync.platforms.verdict import FIRST_CLIENT_ERROR

NO_CREDENTIAL = "no_credential"
"""There is nothing to try instead: what the platform said of the token stands."""


def signed(
    tokens: Tokens, request: Callable[[str], Reply | Lost], refused: Callable[[Reply], bool]
) -> Reply | SendResult:
    """The reply to one request, made once again with another token where the first is refused.

    A SendResult where there is no token or no reply.
    """
    token = tokens.token()
    if isinstance(token, SendResult):
        return token
    answer = request(token)
    if isinstance(answer, Reply) and refused(answer):
        another = tokens.renewed(token)
        if isinstance(another, str):
            token, answer = another, request(another)
        elif another.code != NO_CREDENTIAL:
            return another
    if isinstance(answer, Reply) and answer.status < FIRST_CLIENT_ERROR and not refused(answer):
        tokens.worked(token)
    return answer.result() if isinstance(answer, Lost) else answer


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A configured token: when the platform refuses it, a human makes another."""

    value: str = field(repr=False)

    @property
    def secrets(self) -> tuple[str, ...]:
        """The token."""
        return (self.value,) if self.value else ()

    def token(self) -> str | SendResult:
        """The token, or that there is none."""
        return self.value or _none("The account has no access token.")

    def renewed(self, refused: str) -> str | SendResult:  # noqa: ARG002
        """There is no other: what the platform said of this one stands."""
        return _none("The platform refused the configured access token.")

    def worked(self, token: str) -> None:
        """Nothing was replaced."""


def _none(text: str) -> SendResult:
    return SendResult(
        outcome=Outcome.HOLD,
        code=NO_CREDENTIAL,
        text=text,
        remedy="Make a new token at the platform and put it into the configuration.",
    )
