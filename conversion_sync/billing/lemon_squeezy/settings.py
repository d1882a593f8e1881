"""What a Lemon Squeezy account may set."""

from __future__ import annotations

from pydantic import Field, SecretStr

from conversion_sync.config.settings import BillingAccount


class Account(BillingAccount):
    """`billing.lemon_squeezy.<name>`."""

    api_key: SecretStr
    api_base: str = "https://api.lemonsqueezy.com"
    store_id: str | None = Field(default=None, pattern=r"^[0-9]+$")
    """Only this store of the key's."""
    user_id_custom_data: str = "cs_user_id"
    """Key of the checkout's custom data that holds the product's user id."""
    visitor_id_custom_data: str = "cs_anon_id"
    """Key that holds the browser's visitor id."""
    requests_per_minute: int | None = Field(default=None, ge=1, le=100_000)
    """Fewer where other programs share the limit."""
    update_days: int | None = Field(default=None, ge=0, le=400)
    """How far before an hour each pull looks for rows that changed."""
