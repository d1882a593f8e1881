"""The named statements of `sql/`: one file, one query, found in a checkout and in an installed wheel."""

from __future__ import annotations

import functools
from pathlib import Path

from sqlalchemy import TextClause, text
from sqlalchemy.dialects.postgresql import psycopg

PACKAGE = Path(__file__).resolve().parent.parent


@functools.cache
def sql_folder() -> Path:
    """Where the SQL files are: beside the package in a checkout, inside it when installed."""
    inside, beside = PACKAGE / "_sql", PACKAGE.parent / "sql"
    return inside if inside.is_dir() else beside


@functools.cache
def query(name: str) -> TextClause:
    """The statement in `sql/<name>.sql`; its binds are written `:name`."""
    return text((sql_folder() / f"{name}.sql").read_text(encoding="utf-8"))


@functools.cache
def driver_query(name: str) -> str:
    """The same statement for psycopg itself, whose binds are written `%(name)s`."""
    return str(query(name).compile(dialect=psycopg.dialect()))  # type: ignore[no-untyped-call]
