"""What a Reddit account and its targets hold. Source: specs/meta_tiktok_linkedin_microsoft.md §4.2."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import SecretStr, model_validator

from conversion_sync.config.forms import told
from conversion_sync.config.settings import AccountSettings, TargetSettings


class Account(AccountSettings):
    """A pixel and its conversion access token, which does not expire."""

    pixel_id: str
    access_token: SecretStr
    base_url: str = "https://ads-api.reddit.com"

    def fixed_token(self) -> SecretStr | None:
        """The token."""
        return self.access_token


class Target(TargetSettings):
    """The event's type, of those that may bear a value; a CUSTOM one with its name."""

    tracking_type: Literal["PURCHASE", "LEAD", "SIGN_UP", "ADD_TO_CART", "ADD_TO_WISHLIST", "CUSTOM"]
    custom_event_name: str | None = None
    action_source: Literal["WEBSITE", "APP", "PHYSICAL_STORE", "OTHER"] = "WEBSITE"

    @model_validator(mode="after")
    def _a_name_for_custom_events_only(self) -> Self:
        if bool(self.custom_event_name) != (self.tracking_type == "CUSTOM"):
            raise told(
                "custom_event_name belongs to tracking_type CUSTOM, and to no other",
                "Give a CUSTOM event its name, and no other event any.",
            )
        return self
