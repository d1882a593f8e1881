"""The rows a declaration names: a table or view as the database describes it, or a SELECT of the user's own.

A query is wrapped as a subquery, so it can only read; the window is laid around it, and bound into it where
it says `:window_start` and `:window_end`, for databases that look no further than they are told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime

import sqlalchemy
from sqlalchemy import Column, Connection, FromClause, Table
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.types import TypeEngine

from conversion_sync.clicks.times import POSTGRESQL_TIMES, type_of
from conversion_sync.config.settings import ClickTable
from conversion_sync.errors import ConfigurationError

COLON = re.compile(r"(?<![:\w\\]):(?=\w)(?!window_(?:start|end)\b)")
"""What SQLAlchemy would read as a parameter of its own."""
LISTED = 20


def relation(connection: Connection, name: str, settings: ClickTable, times: Mapping[str, str]) -> FromClause:
    """What to select from, with all its columns; `times` are columns by our names that hold moments.

    Raises ConfigurationError for a table that is not there.
    """
    if settings.query is not None:
        return _query(connection, settings.query, times)
    return _table(connection, name, str(settings.table))


def _table(connection: Connection, name: str, declared: str) -> Table:
    """The table's columns alone: all that reflection asks for takes longer than to read an hour."""
    schema, _, table = declared.rpartition(".")
    there = sqlalchemy.inspect(connection)
    try:
        columns = there.get_columns(table, schema or None)
    except NoSuchTableError:
        names = sorted([*there.get_table_names(schema or None), *there.get_view_names(schema or None)])
        more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
        raise ConfigurationError(
            f"clicks.{name}.table: there is no table {declared}.",
            remedy="Name an existing table or view, with its schema; there are: "
            f"{', '.join(names[:LISTED]) + more or 'none'}.",
        ) from None
    return Table(
        table,
        sqlalchemy.MetaData(),
        *(Column(column["name"], column["type"]) for column in columns),
        schema=schema or None,
    )


def _query(connection: Connection, query: str, times: Mapping[str, str]) -> FromClause:
    # The line feed ends a comment in the query's last line.
    statement = sqlalchemy.text(COLON.sub(r"\\:", query.strip().rstrip("; \n")) + "\n")
    wrapped = statement.columns().subquery("clicks")
    now = {name: datetime.now(UTC).replace(tzinfo=None) for name in _window(statement)}
    empty = sqlalchemy.select(sqlalchemy.text("*")).select_from(wrapped).where(sqlalchemy.false())
    with connection.execute(empty, now) as described:
        names = list(described.keys())
        codes = [entry[1] for entry in described.cursor.description or ()] if described.cursor else []
    if connection.dialect.name == "postgresql":
        kinds = {each: POSTGRESQL_TIMES.get(code) for each, code in zip(names, codes, strict=True)}
    else:
        kinds = {each: _sampled(connection, wrapped, each, now) for each in times.values() if each in names}
    columns = [sqlalchemy.column(each, kinds.get(each)) for each in names]
    return statement.columns(*columns).subquery("clicks")


def _sampled(
    connection: Connection, wrapped: FromClause, name: str, now: Mapping[str, datetime]
) -> TypeEngine[datetime] | None:
    """The type of a column the database does not tell the type of, by one of its values."""
    column: sqlalchemy.ColumnClause[object] = sqlalchemy.column(name)
    one = sqlalchemy.select(column).select_from(wrapped).where(column.is_not(None)).limit(1)
    return type_of(connection.execute(one, now).scalar())


def _window(statement: sqlalchemy.TextClause) -> set[str]:
    return set(statement.compile().params)
