"""What a TikTok account and its targets hold."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from conversion_sync.config.settings import OAuthSettings, TargetSettings


class Account(OAuthSettings):
    """A pixel, and one of three kinds of tokens (specs/meta_tiktok_linkedin_microsoft.md §2.4).

    `access_token` is one of the Events Manager, or a long-term one of the Marketing API that was obtained
    elsewhere. Without it tokens are fetched for `client_id` and `client_secret`: of a day, with a refresh
    token that rolls (`tt_user`), or as the Marketing API gives them out (`business_legacy`).
    """

    pixel_code: str
    access_token: SecretStr | None = None
    oauth: Literal["tt_user", "business_legacy"] = "tt_user"
    base_url: str = "https://business-api.tiktok.com"
    max_event_age_days: float | None = Field(default=None, gt=0, le=28)
    batch_size: int | None = Field(default=None, ge=1, le=1000)

    def fixed_token(self) -> SecretStr | None:
        """The configured access token."""
        return self.access_token


class Target(TargetSettings):
    """The event's name."""

    event: str
