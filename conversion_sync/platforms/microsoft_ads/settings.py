"""What a Microsoft Advertising account and its targets hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, SecretStr

from conversion_sync.config.settings import AccountSettings, Finding, TargetSettings

Number = Annotated[str, Field(pattern=r"^\d+$")]
LONGEST_GOAL_NAME = 100


class Account(AccountSettings):
    """A developer token, and either `refresh_token` with `client_id` or an `access_token` that lasts an hour.

    `client_secret` belongs to web applications; a native one has none.
    """

    customer_id: Number
    customer_account_id: Number
    developer_token: SecretStr
    refresh_token: SecretStr | None = None
    client_id: SecretStr | None = None
    client_secret: SecretStr | None = None
    access_token: SecretStr | None = None
    token_uri: str = "https://login.microsoftonline.com/common/oauth2/v2.0/token"
    base_url: str = "https://campaign.api.bingads.microsoft.com"

    def fixed_token(self) -> SecretStr | None:
        """The configured access token."""
        return self.access_token

    def findings(self) -> Iterator[Finding]:
        """Halves of a credential."""
        parts = {"refresh_token": self.refresh_token, "client_id": self.client_id}
        missing = [name for name, value in parts.items() if value is None]
        if self.access_token is None and missing:
            yield Finding(
                "",
                f"There is no access_token, and {' and '.join(missing)} to fetch one is missing.",
                "Write refresh_token with client_id, or access_token.",
            )
        elif self.access_token is not None and len(missing) == 1:
            yield Finding(
                "",
                f"{missing[0]} is missing to fetch a token.",
                "Complete refresh_token and client_id, or write access_token alone.",
            )


class Target(TargetSettings):
    """The name of the offline conversion goal, exactly as it is spelt there."""

    conversion_name: Annotated[str, Field(min_length=1, max_length=LONGEST_GOAL_NAME)]
