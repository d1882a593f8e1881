"""How a platform gives out its tokens, as data: the `[oauth]` section of its `catalogue.toml`.

One refresher serves all platforms; what differs between them stands here. An account may name a preset
where a platform has several kinds of tokens, and other addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from conversion_sync.config.settings import AccountSettings, OAuthSettings

ADDRESSES = {"authorise_uri": "authorise_url", "token_uri": "token_url", "refresh_uri": "refresh_url"}
"""Account settings that replace the platform's own addresses."""


class OAuth(BaseModel):
    """One way to tokens. Addresses that begin with a slash lie under the account's own `base_url`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    authorise_url: str
    token_url: str
    refresh_url: str = ""
    """Where a refresh token is exchanged; `token_url` where nothing is given."""
    id_field: str = "client_id"
    secret_field: str = "client_secret"  # noqa: S105 - a field's name
    code_field: str = "code"
    """What an authorisation code is called at `token_url`."""
    authorise_id_field: str = "client_id"
    code_parameter: str = "code"
    """What an authorisation code is called in the address a person is sent back to."""
    scopes: tuple[str, ...] = ()
    authorise_parameters: Mapping[str, str] = Field(default_factory=dict)
    pkce: bool = False
    redirect_host: str = "127.0.0.1"
    """How the platform wants this machine called in the address a person is sent back to."""
    body: Literal["form", "json"] = "form"
    envelope: str = ""
    """The member of an answer that holds the tokens; its success is then `code` 0 beside it."""
    access_minutes: float | None = Field(default=None, gt=0)
    """Life of an access token that does not tell its own; None where such a one does not end."""
    refresh_days: float | None = Field(default=None, gt=0)
    rotates: bool = False
    """Whether a refresh may bring another refresh token and make the former one void."""
    fixed_end: bool = False
    """Whether the refresh token's end stays where the consent put it."""
    early_minutes: float = Field(ge=0)
    """A token with less life left is refreshed before it is used."""
    warn_days: float = Field(default=30, gt=0)
    alarm_days: float = Field(default=7, gt=0)
    """Days before an end only a person can move: of a warning, and of an error."""

    @model_validator(mode="after")
    def _alarms_follow_warnings(self) -> Self:
        if self.alarm_days > self.warn_days:
            raise ValueError("alarm_days lies before warn_days")
        return self

    @property
    def early(self) -> timedelta:
        """As a span."""
        return timedelta(minutes=self.early_minutes)

    @property
    def refresh_at(self) -> str:
        """The address a refresh token is exchanged at."""
        return self.refresh_url or self.token_url


class OAuthFile(OAuth):
    """The section itself. A preset names what differs from the rest of the section."""

    presets: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)


def oauth_of(section: OAuthFile | None, account: AccountSettings) -> OAuth | None:
    """How this account gets its tokens; None where its platform or its settings know no way."""
    if section is None or not isinstance(account, OAuthSettings):
        return None
    facts = section.model_dump(exclude={"presets"})
    own = account.model_dump(include={*ADDRESSES, "oauth", "base_url"}, exclude_none=True)
    facts |= section.presets.get(own.get("oauth", ""), {})
    facts |= {name: own[key] for key, name in ADDRESSES.items() if key in own}
    base = str(own.get("base_url", "")).rstrip("/")
    for name in ADDRESSES.values():
        if facts[name].startswith("/"):
            facts[name] = base + facts[name]
    return OAuth.model_validate(facts)
