"""Databases within a server, made where they are missing."""

from __future__ import annotations

import psycopg
from psycopg import errors, sql
from sqlalchemy import make_url

from conversion_sync.errors import ConfigurationError


def ensure_database(url: str, name: str) -> None:
    """Creates a database in the same server if it is missing.

    Raises ConfigurationError when the user may not.
    """
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        if connection.execute("select 1 from pg_database where datname = %s", (name,)).fetchone() is not None:
            return
        try:
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        except (errors.DuplicateDatabase, errors.UniqueViolation):
            return  # another process was quicker
        except errors.InsufficientPrivilege:
            user = connection.info.user
            raise ConfigurationError(
                f"The user {user} of `database.url` may not make the database {name} for Dagster.",
                remedy=f"Run in that server: create database {name} owner {user}; then run again.",
            ) from None
