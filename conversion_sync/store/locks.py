"""Locks in the database: held by whoever does a piece of work, gone with the process that held them."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

log = logging.getLogger(__name__)


def lock_number(*parts: str) -> int:
    """The advisory lock's number for a name, stable over processes and versions."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def transaction_lock(connection: Connection, *parts: str) -> None:
    """Waits for the lock and holds it until the transaction ends."""
    connection.execute(text("select pg_advisory_xact_lock(:number)"), {"number": lock_number(*parts)})


@contextmanager
def session_lock(engine: Engine, *parts: str) -> Iterator[None]:
    """Holds the lock on a connection of its own while the block runs; waits for it, and says so."""
    number = {"number": lock_number(*parts)}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.scalar(text("select pg_try_advisory_lock(:number)"), number):
            log.info("Another run works on %s; waiting for it to finish.", ":".join(parts))
            connection.execute(text("select pg_advisory_lock(:number)"), number)
        try:
            yield
        finally:
            _unlock(connection, number)


def _unlock(connection: Connection, number: dict[str, int]) -> None:
    """A lost connection took the lock along; what the block met with is told, not that."""
    try:
        connection.execute(text("select pg_advisory_unlock(:number)"), number)
    except DBAPIError as fault:
        if not fault.connection_invalidated:
            raise
        log.warning("The connection that held a lock was lost; another run may have begun meanwhile.")
