"""How a user's table counts time: a window's bounds there, and times read so that no row stops a page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy
from sqlalchemy import Column, ColumnElement


def is_time(column: Column[Any]) -> bool:
    """Whether the column holds moments; dates, numbers and text do not order as moments do."""
    return isinstance(column.type, sqlalchemy.DateTime)


def bounds(start: datetime, end: datetime, column: Column[Any], zone: ZoneInfo) -> tuple[datetime, datetime]:
    """[start, end) of aware UTC times as the column counts them.

    Without an offset the bounds are local, and wide enough to hold an hour that happens twice as a whole:
    its rows are then read more than once, which landing does not mind, and never missed.
    """
    if getattr(column.type, "timezone", False):
        return start.astimezone(UTC), end.astimezone(UTC)
    first, last = start.astimezone(zone), end.astimezone(zone)
    earlier, later = last.replace(fold=0).utcoffset(), last.utcoffset()
    repeated = earlier - later if earlier is not None and later is not None else timedelta(0)
    return first.replace(tzinfo=None, fold=0), last.replace(tzinfo=None, fold=0) + repeated


def readable(column: Column[Any], dialect: str) -> ColumnElement[Any]:
    """The column as ISO 8601 text where the driver fails on a page for one value (`infinity`, stray text)."""
    if dialect == "postgresql":
        return sqlalchemy.func.to_json(column, type_=sqlalchemy.JSON).op("#>>")(sqlalchemy.text("'{}'"))
    if dialect == "sqlite":
        return sqlalchemy.type_coerce(column, sqlalchemy.String)
    return column
