"""Migrations: the numbered files of `sql/schema`, applied in order, once, by whoever comes first."""

from __future__ import annotations

import psycopg
from sqlalchemy import Engine, make_url, text
from yoyo import get_backend, read_migrations

from conversion_sync.errors import ConfigurationError, PermanentError
from conversion_sync.store.engine import connect
from conversion_sync.store.faults import database_fault, first_line
from conversion_sync.store.locks import session_lock
from conversion_sync.store.queries import sql_folder


def migrate(url: str) -> list[str]:
    """Brings the database to the newest schema; returns the migrations it applied, oldest first.

    Raises ConfigurationError when the user may not make tables, TransientError when the database
    fails, PermanentError when a migration does; those before it stay, the failing one leaves nothing.
    """
    engine = connect(url)
    address = make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    try:
        with session_lock(engine, "migrate"):
            _check_rights(engine)
            return _apply(address)
    except psycopg.Error as fault:
        raise database_fault(fault) or PermanentError(
            f"A migration of the database failed: {first_line(fault)}.",
            remedy="Restore the schema the last release left, or report this message.",
        ) from fault
    finally:
        engine.dispose()


def _apply(address: str) -> list[str]:
    """Under our lock, so a lock of the migration tool's own can only be a dead process's."""
    backend = get_backend(address)
    try:
        if backend.lock_table in backend.list_tables():
            backend.break_lock()
        missing = backend.to_apply(read_migrations(str(sql_folder() / "schema")))
        backend.apply_migrations(missing)
        return [migration.id for migration in missing]
    finally:
        backend.connection.close()


def _check_rights(engine: Engine) -> None:
    """The migration tool waits long and says something else when it may not make its tables."""
    with engine.connect() as connection:
        may = connection.scalar(text("select has_schema_privilege(current_schema(), 'create')"))
        user = connection.scalar(text("select quote_ident(current_user)"))
    if not may:
        raise ConfigurationError(
            f"The user {user} of `database.url` may not make tables in the database {engine.url.database}.",
            remedy=f"Run there: grant create on schema public to {user}; then run again.",
        )
