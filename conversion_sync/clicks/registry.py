"""Every click table of the configuration, each behind a factory; nothing is connected yet."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime

from conversion_sync.clicks.source import ClickSource
from conversion_sync.clicks.table import TableClicks
from conversion_sync.config.settings import Settings


def sources(
    settings: Settings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> dict[str, Callable[[], ClickSource]]:
    """By the table's name in the configuration."""
    return {
        name: functools.partial(TableClicks, name, table, clock)
        for name, table in sorted(settings.clicks.items())
    }
