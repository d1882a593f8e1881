"""What a Stripe account may set."""

from __future__ import annotations

from pydantic import Field, SecretStr

from conversion_sync.config.settings import BillingAccount


class Account(BillingAccount):
    """`billing.stripe.<name>`."""

    api_key: SecretStr
    api_base: str = "https://api.stripe.com"
    requests_per_second: int | None = Field(default=None, ge=1, le=1000)
    """How often each endpoint may be asked, where Stripe allows the account more or less than usual."""
    user_id_metadata: str = "cs_user_id"
    """Metadata key that holds the product's user id."""
    visitor_id_metadata: str = "cs_anon_id"
    """Metadata key that holds the browser's visitor id."""
