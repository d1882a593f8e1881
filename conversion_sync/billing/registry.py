"""Every billing account of the configuration, each behind a factory; nothing is imported or connected yet."""

from __future__ import annotations

import functools
from collections.abc import Callable

from conversion_sync.billing.provider import BillingProvider
from conversion_sync.config.settings import Settings, StripeAccount


def providers(settings: Settings) -> dict[tuple[str, str], Callable[[], BillingProvider]]:
    """By (provider, account)."""
    return {
        ("stripe", account): functools.partial(_stripe, account, part)
        for account, part in sorted(settings.billing.stripe.items())
    }


def _stripe(account: str, part: StripeAccount) -> BillingProvider:
    from conversion_sync.billing.stripe.adapter import StripeProvider

    return StripeProvider(account, part)
