"""Migrations: the numbered files of `sql/schema`, applied in order, once, by whoever comes first."""

from __future__ import annotations

from sqlalchemy import make_url
from yoyo import get_backend, read_migrations

from conversion_sync.errors import PermanentError
from conversion_sync.store.engine import connect
from conversion_sync.store.locks import session_lock
from conversion_sync.store.queries import sql_folder


def migrate(url: str) -> list[str]:
    """Brings the database to the newest schema; returns the migrations it applied, oldest first.

    Raises PermanentError when one fails; those before it stay, the failing one leaves nothing.
    """
    engine = connect(url)
    address = make_url(url).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    try:
        with session_lock(engine, "migrate"):
            backend = get_backend(address)
            try:
                missing = backend.to_apply(read_migrations(str(sql_folder() / "schema")))
                backend.apply_migrations(missing)
                return [migration.id for migration in missing]
            finally:
                backend.connection.close()
    except backend_errors() as fault:
        raise PermanentError(
            f"A migration of the database failed: {str(fault).strip().splitlines()[0]}.",
            remedy="Restore the schema the last release left, or report this message.",
        ) from fault
    finally:
        engine.dispose()


def backend_errors() -> tuple[type[Exception], ...]:
    """What a failing migration raises."""
    import psycopg

    return (psycopg.Error,)
