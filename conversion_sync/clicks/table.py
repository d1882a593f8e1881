"""A click table in the user's own database, read through SQLAlchemy by the declared mapping.

table or query ──► relation ──► rows of a window, a page at a time, by a cursor of the server ──► read_row
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy
from sqlalchemy import ColumnElement, Connection, Engine, FromClause, QueuePool, Select, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, ProgrammingError

from conversion_sync.clicks.normalise import TIMES, HashEmail, read_row
from conversion_sync.clicks.relation import relation
from conversion_sync.clicks.source import ClickPage
from conversion_sync.clicks.times import bounds, is_time, readable
from conversion_sync.config.settings import ClickTable
from conversion_sync.errors import ConfigurationError, TransientError
from conversion_sync.model.click import Click, QuarantinedClick
from conversion_sync.model.windows import Window

PAGE = 10_000
EMAILS = ("email", "email_sha256")


class TableClicks:
    """One table; nothing connects before `read`. Without `hash_email` no e-mail is read."""

    def __init__(
        self,
        name: str,
        settings: ClickTable,
        clock: Callable[[], datetime],
        hash_email: HashEmail | None = None,
    ) -> None:
        self.name = name
        self._settings, self._clock, self._hash_email = settings, clock, hash_email
        self._engine: Engine | None = None

    def read(self, window: Window) -> Iterator[ClickPage]:
        """Rows written (clicked, if the table does not say when it was written) in the window or its overlap.

        Raises ConfigurationError for a missing table or column, TransientError for a database that is down.
        """
        zone, now = ZoneInfo(self._settings.time_zone), self._clock()
        with self._faults(), self._reading() as connection:
            statement = self._statement(self._relation(connection), window, connection.dialect.name)
            rows = connection.execution_options(yield_per=PAGE).execute(statement)
            for page in rows.mappings().partitions():
                read = [
                    one for row in page for one in read_row(self.name, dict(row), zone, now, self._hash_email)
                ]
                yield ClickPage(
                    clicks=[row for row in read if isinstance(row, Click)],
                    quarantined=[row for row in read if isinstance(row, QuarantinedClick)],
                )

    def check(self) -> None:
        """Raises what `read` would, without reading rows."""
        with self._faults(), self._reading() as connection:
            self._mapped(self._relation(connection))

    def close(self) -> None:
        """Release connections."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _connect(self) -> Engine:
        if self._engine is None:
            key = f"clicks.{self.name}.url"
            try:
                url = make_url(self._settings.url.get_secret_value())
                if url.drivername == "postgresql":
                    url = url.set(drivername="postgresql+psycopg")
                patience = {"connect_timeout": 10} if url.drivername == "postgresql+psycopg" else {}
                self._engine = sqlalchemy.create_engine(
                    url, pool_size=1, max_overflow=1, poolclass=QueuePool, connect_args=patience
                )
            except ArgumentError:
                raise ConfigurationError(
                    f"{key} is not a database address SQLAlchemy knows.",
                    remedy="Write for example postgresql://user:password@host/name.",
                ) from None
            except ModuleNotFoundError as fault:
                raise ConfigurationError(
                    f"{key} needs the driver {fault.name}, which is not installed.", remedy="Install it."
                ) from None
        return self._engine

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """A connection that may not write, where the database knows that."""
        with self._connect().connect() as connection:
            yield connection.execution_options(postgresql_readonly=True)

    @contextmanager
    def _faults(self) -> Iterator[None]:
        """The database's faults as ours, without the address, the statement or its values."""
        try:
            yield
        except ProgrammingError as fault:
            raise ConfigurationError(
                f"clicks.{self.name}.{self._key}: {self._settings.named} cannot be read: "
                f"{_first_line(fault)}.",
                remedy="Let the user of `url` select from it."
                if self._settings.query is None
                else "Correct the query: it is one SELECT, and the user of `url` may select what it names.",
            ) from None
        except DBAPIError as fault:
            raise TransientError(
                f"The database of clicks.{self.name}.url cannot be read: {_first_line(fault)}.",
                remedy="Start it or correct `url`, then run again: pages already read are kept.",
            ) from None

    @property
    def _key(self) -> str:
        return "table" if self._settings.query is None else "query"

    def _wanted(self) -> dict[str, str]:
        """Our column names with theirs; e-mails only where they are asked for."""
        mapped: dict[str, str] = self._settings.columns.model_dump(exclude_none=True)
        return {ours: theirs for ours, theirs in mapped.items() if self._hash_email or ours not in EMAILS}

    def _relation(self, connection: Connection) -> FromClause:
        times = {ours: theirs for ours, theirs in self._wanted().items() if ours in TIMES}
        return relation(connection, self.name, self._settings, times)

    def _mapped(self, table: FromClause) -> dict[str, ColumnElement[Any]]:
        """Our column names with the table's columns."""
        mapped: dict[str, ColumnElement[Any]] = {}
        for ours, theirs in self._wanted().items():
            if theirs not in table.columns:
                raise ConfigurationError(
                    f"clicks.{self.name}.columns.{ours}: {self._settings.named} has no column {theirs}.",
                    remedy=f"Use one of: {', '.join(column.name for column in table.columns)}.",
                )
            mapped[ours] = table.columns[theirs]
            if ours in TIMES and not is_time(mapped[ours]):
                raise ConfigurationError(
                    f"clicks.{self.name}.columns.{ours}: {theirs} is {_kind(mapped[ours])}, not a timestamp.",
                    remedy="Map a column of a timestamp type, or make one of it in a view or a query.",
                )
        return mapped

    def _statement(self, table: FromClause, window: Window, dialect: str) -> Select[Any]:
        """The window's rows by when they were written; those that do not say by when they were clicked."""
        mapped = self._mapped(table)
        clicked = mapped["clicked_at"]
        by = mapped.get("ingested_at", clicked)
        within = self._within(by, window)
        if by is not clicked:
            within |= by.is_(None) & self._within(clicked, window)
        statement = (
            sqlalchemy.select(
                *(
                    (readable(column, dialect) if ours in TIMES else column).label(ours)
                    for ours, column in mapped.items()
                )
            )
            .where(within)
            .order_by(by, mapped["click_ref"])
        )
        first, last = self._bounds(by, window)
        return statement.params(window_start=first, window_end=last)

    def _within(self, column: ColumnElement[Any], window: Window) -> ColumnElement[bool]:
        first, last = self._bounds(column, window)
        return (column >= first) & (column < last)

    def _bounds(self, column: ColumnElement[Any], window: Window) -> tuple[datetime, datetime]:
        zone = ZoneInfo(self._settings.time_zone)
        return bounds(window.start - self._settings.overlap, window.end, column, zone)


def _kind(column: ColumnElement[Any]) -> str:
    return "of another type" if isinstance(column.type, sqlalchemy.types.NullType) else str(column.type)


def _first_line(fault: DBAPIError) -> str:
    """What the driver said, without the statement and its parameters."""
    return next(iter(str(fault.orig).strip().splitlines()), "no answer").rstrip(".")
