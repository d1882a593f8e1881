"""What a database that fails means to people: one sentence and a remedy, without statements and values.

The drivers' own texts quote the statement, its parameters and the row at hand.
"""

from __future__ import annotations

import psycopg
from sqlalchemy.exc import DBAPIError

from conversion_sync.errors import ConfigurationError, ConversionSyncError, TransientError

PRIVILEGE = "42501"
PASSING = ("08", "40", "53", "55", "57", "58")
"""Classes of SQLSTATE: connection, rollback, resources (a full disk too), object in use, operator, system."""


def database_fault(fault: BaseException) -> ConversionSyncError | None:
    """The fault as one of the family; None if it is not the database that failed but our use of it."""
    cause = fault.orig if isinstance(fault, DBAPIError) else fault
    if not _is_drivers(cause):
        return None
    state = getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None)
    said = first_line(cause)
    if state == PRIVILEGE:
        return ConfigurationError(
            f"The database refuses this user something: {said}.",
            remedy="Grant it to the user of `database.url`, see docs/configuration.md; then run again.",
        )
    if state is None or state.startswith(PASSING):
        return TransientError(
            f"The database failed: {said}.",
            remedy="Mend it, then run again: what was written is kept, and nothing counts twice.",
        )
    return None


def _is_drivers(cause: BaseException | None) -> bool:
    """psycopg's, or the same of psycopg2, through which Dagster keeps its runs."""
    if isinstance(cause, psycopg.Error):
        return isinstance(cause, psycopg.OperationalError) or cause.sqlstate is not None
    return type(cause).__module__.startswith("psycopg2")


def first_line(fault: BaseException | None) -> str:
    """What the server said, without the lines that quote values."""
    diagnosis = getattr(fault, "diag", None)
    said = getattr(diagnosis, "message_primary", None) or next(iter(str(fault).strip().splitlines()), "")
    return (said or "no answer").strip().rstrip(".")
