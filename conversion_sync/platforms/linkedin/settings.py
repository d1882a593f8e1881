"""What a LinkedIn account and its targets hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, SecretStr

from conversion_sync.config.settings import AccountSettings, Finding, TargetSettings


class Account(AccountSettings):
    """Either `access_token`, or `refresh_token` with `client_id` and `client_secret`."""

    access_token: SecretStr | None = None
    refresh_token: SecretStr | None = None
    client_id: SecretStr | None = None
    client_secret: SecretStr | None = None
    token_uri: str = "https://www.linkedin.com/oauth/v2/accessToken"
    base_url: str = "https://api.linkedin.com"

    def fixed_token(self) -> SecretStr | None:
        """The configured access token."""
        return self.access_token

    def findings(self) -> Iterator[Finding]:
        """Halves of a credential."""
        parts = {
            "refresh_token": self.refresh_token,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }
        missing = [name for name, value in parts.items() if value is None]
        if self.access_token is None and missing:
            yield Finding(
                "",
                f"There is no access_token, and {' and '.join(missing)} to refresh one is missing.",
                "Write access_token, or refresh_token with client_id and client_secret.",
            )
        elif self.access_token is not None and len(missing) not in {0, len(parts)}:
            yield Finding(
                "",
                f"{' and '.join(missing)} is missing to refresh the token.",
                "Complete refresh_token, client_id and client_secret, or write access_token alone.",
            )


class Target(TargetSettings):
    """The number of the conversion rule."""

    conversion_rule_id: Annotated[str, Field(pattern=r"^\d+$")]
