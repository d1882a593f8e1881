"""Which ad accounts there are: their facts, and how to make their adapters. Loads no vendor's package."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from conversion_sync.config.settings import (
    GoogleAdsAccount,
    LinkedInAccount,
    MetaAccount,
    Settings,
    TikTokAccount,
)
from conversion_sync.platforms.catalogue import Account, catalogue_of
from conversion_sync.platforms.platform import Catalogue, Platform


def catalogues(settings: Settings) -> dict[tuple[str, str], Catalogue]:
    """The facts of every enabled (platform, account)."""
    return {
        (platform, name): catalogue_of(platform, account)
        for (platform, name), account in _accounts(settings).items()
    }


def factories(settings: Settings) -> dict[tuple[str, str], Callable[[], Platform]]:
    """How to make the adapter of every enabled (platform, account). Calling one opens no socket."""
    return {
        (platform, name): partial(_adapter, platform, account)
        for (platform, name), account in _accounts(settings).items()
    }


def _accounts(settings: Settings) -> dict[tuple[str, str], Account]:
    found: dict[tuple[str, str], Account] = {}
    for platform, name in settings.accounts():
        found[platform, name] = getattr(settings.platforms, platform)[name]
    return found


def _adapter(platform: str, account: Account) -> Platform:
    facts = catalogue_of(platform, account)
    match account:
        case GoogleAdsAccount():
            from conversion_sync.platforms.google_ads.adapter import adapter as google_ads

            return google_ads(account, facts)
        case MetaAccount():
            from conversion_sync.platforms.meta.adapter import adapter as meta

            return meta(account, facts)
        case TikTokAccount():
            from conversion_sync.platforms.tiktok.adapter import adapter as tiktok

            return tiktok(account, facts)
        case LinkedInAccount():
            from conversion_sync.platforms.linkedin.adapter import adapter as linkedin

            return linkedin(account, facts)
