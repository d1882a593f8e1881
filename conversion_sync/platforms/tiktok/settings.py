"""What a TikTok account and its targets hold."""

from __future__ import annotations

from pydantic import Field, SecretStr

from conversion_sync.config.settings import AccountSettings, TargetSettings


class Account(AccountSettings):
    """A pixel and a token made for it."""

    pixel_code: str
    access_token: SecretStr
    base_url: str = "https://business-api.tiktok.com"
    max_event_age_days: float | None = Field(default=None, gt=0, le=28)
    batch_size: int | None = Field(default=None, ge=1, le=1000)

    def fixed_token(self) -> SecretStr | None:
        """The pixel's token."""
        return self.access_token


class Target(TargetSettings):
    """The event's name."""

    event: str
