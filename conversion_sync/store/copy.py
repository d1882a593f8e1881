"""Bulk movement into the database by COPY: many rows cost one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb
from sqlalchemy import Connection

ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})


def copy_rows(
    connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]
) -> int:
    """Copies rows into a table, in the connection's transaction; dicts become jsonb. Returns the count."""
    count = 0
    with _stream(connection, table, columns) as stream:
        for row in rows:
            stream.write_row([Jsonb(value) if isinstance(value, dict) else value for value in row])
            count += 1
    return count


def copy_lines(connection: Connection, table: str, columns: Sequence[str], lines: Iterable[str]) -> None:
    """Copies rows that are lines of COPY's text format already, each with its line feed.

    For many rows that are alike: what they share is written once (`copy_value`).
    """
    with _stream(connection, table, columns) as stream:
        stream.write("".join(lines))


def copy_value(value: str | None) -> str:
    """A value as it stands between the tabs of such a line."""
    return r"\N" if value is None else value.translate(ESCAPES)


@contextmanager
def _stream(connection: Connection, table: str, columns: Sequence[str]) -> Iterator[psycopg.Copy]:
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError("bulk copies need a psycopg 3 connection")
    statement = sql.SQL("copy {} ({}) from stdin").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with driver.cursor() as cursor, cursor.copy(statement) as stream:
        yield stream
