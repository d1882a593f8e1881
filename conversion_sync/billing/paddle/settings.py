"""What a Paddle account may set."""

from __future__ import annotations

from pydantic import Field, SecretStr

from conversion_sync.config.settings import BillingAccount


class Account(BillingAccount):
    """`billing.paddle.<name>`."""

    api_key: SecretStr
    api_base: str = "https://api.paddle.com"
    """`https://sandbox-api.paddle.com` is Paddle's test environment: nothing of it is ever uploaded."""
    requests_per_minute: int = Field(default=240, ge=1)
    """How often this process asks Paddle; Paddle counts 240 for each address, whichever accounts share it."""
    user_id_custom_data: str = "cs_user_id"
    """Key of `custom_data` that holds the product's user id."""
    visitor_id_custom_data: str = "cs_anon_id"
    """Key of `custom_data` that holds the browser's visitor id."""
