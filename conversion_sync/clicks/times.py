"""How a user's table counts time: a window's bounds there, and times read so that no row stops a page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy
from sqlalchemy import ColumnElement
from sqlalchemy.types import TypeEngine

POSTGRESQL_TIMES: dict[object, TypeEngine[datetime]] = {
    1114: sqlalchemy.DateTime(),
    1184: sqlalchemy.DateTime(timezone=True),
}
"""Its types of moments by their number. Source: PostgreSQL's catalogue pg_type."""


def type_of(value: object) -> TypeEngine[datetime] | None:
    """The type of a column that holds such a value; None for one that is no moment. Nothing may be one."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if value is None or isinstance(value, datetime):
        return sqlalchemy.DateTime(timezone=value is not None and value.tzinfo is not None)
    return None


def is_time(column: ColumnElement[Any]) -> bool:
    """Whether the column holds moments; dates, numbers and text do not order as moments do."""
    return isinstance(column.type, sqlalchemy.DateTime)


def bounds(
    start: datetime, end: datetime, column: ColumnElement[Any], zone: ZoneInfo
) -> tuple[datetime, datetime]:
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


def readable(column: ColumnElement[Any], dialect: str) -> ColumnElement[Any]:
    """The column as ISO 8601 text where the driver fails on a page for one value (`infinity`, stray text)."""
    if dialect == "postgresql":
        return sqlalchemy.func.to_json(column, type_=sqlalchemy.JSON).op("#>>")(sqlalchemy.text("'{}'"))
    if dialect == "sqlite":
        return sqlalchemy.type_coerce(column, sqlalchemy.String)
    return column
