"""What a Meta account and its targets hold."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from conversion_sync.config.settings import AccountSettings, TargetSettings


class Account(AccountSettings):
    """A dataset and the token of a system user that may use it."""

    dataset_id: Annotated[str, Field(pattern=r"^\d+$")]
    access_token: SecretStr
    app_secret: SecretStr | None = None
    base_url: str = "https://graph.facebook.com"
    test_event_code: str | None = None

    def fixed_token(self) -> SecretStr | None:
        """The system user's token, which does not expire."""
        return self.access_token


class Target(TargetSettings):
    """The event's name, and where it happened in Meta's words."""

    event_name: str
    action_source: Literal["website", "system_generated", "app", "email", "phone_call", "chat", "other"] = (
        "system_generated"
    )
