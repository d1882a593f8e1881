"""What a Microsoft Advertising account and its targets hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from conversion_sync.config.forms import Digits
from conversion_sync.config.settings import OAuthSettings, TargetSettings

LONGEST_GOAL_NAME = 100


class Account(OAuthSettings):
    """A developer token, and either `client_id` by which tokens are fetched or an `access_token` of an hour.

    `client_secret` belongs to web applications; a native one has none.
    """

    needs_client_secret = False

    customer_id: Digits
    customer_account_id: Digits
    developer_token: SecretStr
    access_token: SecretStr | None = None
    base_url: str = "https://campaign.api.bingads.microsoft.com"

    def fixed_token(self) -> SecretStr | None:
        """The configured access token."""
        return self.access_token


class Target(TargetSettings):
    """The name of the offline conversion goal, exactly as it is spelt there."""

    conversion_name: Annotated[str, Field(min_length=1, max_length=LONGEST_GOAL_NAME)]
