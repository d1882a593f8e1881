"""Every click table of the configuration, each behind a factory; nothing is connected yet."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime

from conversion_sync.clicks.normalise import HashEmail
from conversion_sync.clicks.source import ClickSource
from conversion_sync.clicks.table import TableClicks
from conversion_sync.config.settings import Settings


def sources(
    settings: Settings,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    hash_email: HashEmail | None = None,
) -> dict[str, Callable[[], ClickSource]]:
    """By the table's name in the configuration. `hash_email` is used where e-mails are matched."""
    hashing = hash_email if settings.identity.match_email else None
    return {
        name: functools.partial(TableClicks, name, table, clock, hashing)
        for name, table in sorted(settings.clicks.items())
    }
