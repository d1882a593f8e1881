"""Hours, UTC, keyed by the time of the revenue event."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import dagster as dg

from conversion_sync.config.settings import Settings
from conversion_sync.model.windows import HOUR, Window

KEY_FORMAT = "%Y-%m-%d-%H:%M"
PARTITION = "dagster/partition"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


def hours(settings: Settings) -> dg.HourlyPartitionsDefinition:
    """Every hour since the configuration's start."""
    return dg.HourlyPartitionsDefinition(start_date=settings.start.strftime(KEY_FORMAT), timezone="UTC")


def key_of(hour: datetime) -> str:
    """The partition of an hour."""
    return hour.astimezone(UTC).strftime(KEY_FORMAT)


def hour_of(key: str) -> datetime:
    """The hour of a partition."""
    return datetime.strptime(key, KEY_FORMAT).replace(tzinfo=UTC)


def window_of(context: dg.AssetExecutionContext) -> Window:
    """What a run is about: an hour or a range of them."""
    span = context.partition_time_window
    return Window(span.start.astimezone(UTC), span.end.astimezone(UTC))


def range_tags(window: Window) -> dict[str, str]:
    """The tags that make a run cover all hours of a window."""
    return {RANGE_START: key_of(window.start), RANGE_END: key_of(window.end - HOUR)}


def covered(tags: Mapping[str, str]) -> list[datetime]:
    """The hours a run is about, from its tags; none for a run that is about something else."""
    first = tags.get(RANGE_START, tags.get(PARTITION, ""))
    last = tags.get(RANGE_END, first)
    try:
        return [hour.start for hour in Window(hour_of(first), hour_of(last) + HOUR).hours()]
    except ValueError:
        return []
