"""What every room is handed: settings, the database, the way to each vendor, a clock, the run's id."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine

from conversion_sync.billing.provider import BillingProvider
from conversion_sync.clicks.source import ClickSource
from conversion_sync.config.settings import Settings
from conversion_sync.platforms.platform import Catalogue, Platform

Account = tuple[str, str]
"""(provider or platform, account)."""


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, kw_only=True)
class Context:
    """Vendors are behind factories, so that nothing connects or imports an SDK before it is used."""

    settings: Settings
    engine: Engine
    providers: Mapping[Account, Callable[[], BillingProvider]]
    click_sources: Mapping[str, Callable[[], ClickSource]]
    platforms: Mapping[Account, Callable[[], Platform]]
    catalogues: Mapping[Account, Catalogue]
    clock: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep
    run_id: str = "local"
