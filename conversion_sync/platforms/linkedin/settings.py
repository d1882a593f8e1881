"""What a LinkedIn account and its targets hold."""

from __future__ import annotations

from pydantic import SecretStr

from conversion_sync.config.forms import Digits
from conversion_sync.config.settings import OAuthSettings, TargetSettings


class Account(OAuthSettings):
    """Either `access_token`, or `client_id` and `client_secret` by which tokens are fetched."""

    access_token: SecretStr | None = None
    base_url: str = "https://api.linkedin.com"

    def fixed_token(self) -> SecretStr | None:
        """The configured access token."""
        return self.access_token


class Target(TargetSettings):
    """The number of the conversion rule."""

    conversion_rule_id: Digits
