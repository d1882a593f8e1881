"""A click table in the user's own database, read through SQLAlchemy by the declared mapping."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy
from sqlalchemy import Column, Connection, Engine, QueuePool, Select, Table, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchTableError, ProgrammingError

from conversion_sync.clicks.normalise import TIMES, read_row
from conversion_sync.clicks.source import ClickPage
from conversion_sync.clicks.times import bounds, is_time, readable
from conversion_sync.config.settings import ClickTable
from conversion_sync.errors import ConfigurationError, TransientError
from conversion_sync.model.click import Click, QuarantinedClick
from conversion_sync.model.windows import Window

PAGE = 10_000
LISTED = 20


class TableClicks:
    """One table; nothing connects before `read`."""

    def __init__(self, name: str, settings: ClickTable, clock: Callable[[], datetime]) -> None:
        self.name = name
        self._settings, self._clock = settings, clock
        self._engine: Engine | None = None

    def read(self, window: Window) -> Iterator[ClickPage]:
        """Rows written (clicked, if the table does not say when it was written) in the window or its overlap.

        Raises ConfigurationError for a missing table or column, TransientError for a database that is down.
        """
        zone, now = ZoneInfo(self._settings.time_zone), self._clock()
        with self._faults(), self._connect().connect() as connection:
            statement = self._statement(self._table(connection), window, connection.dialect.name)
            rows = connection.execution_options(yield_per=PAGE).execute(statement)
            for page in rows.mappings().partitions():
                read = [one for row in page for one in read_row(self.name, dict(row), zone, now)]
                yield ClickPage(
                    clicks=[row for row in read if isinstance(row, Click)],
                    quarantined=[row for row in read if isinstance(row, QuarantinedClick)],
                )

    def check(self) -> None:
        """Raises what `read` would, without reading rows."""
        with self._faults(), self._connect().connect() as connection:
            self._mapped(self._table(connection))

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
    def _faults(self) -> Iterator[None]:
        """The database's faults as ours, without the address, the statement or its values."""
        try:
            yield
        except ProgrammingError as fault:
            raise ConfigurationError(
                f"clicks.{self.name}.table: {self._settings.table} cannot be read: {_first_line(fault)}.",
                remedy="Let the user of `url` select from it.",
            ) from None
        except DBAPIError as fault:
            raise TransientError(
                f"The database of clicks.{self.name}.url cannot be read: {_first_line(fault)}.",
                remedy="Start it or correct `url`, then run again: pages already read are kept.",
            ) from None

    def _table(self, connection: Connection) -> Table:
        schema, _, name = self._settings.table.rpartition(".")
        try:
            return Table(
                name,
                sqlalchemy.MetaData(),
                schema=schema or None,
                autoload_with=connection,
                resolve_fks=False,
            )
        except NoSuchTableError:
            there = sqlalchemy.inspect(connection)
            names = sorted([*there.get_table_names(schema or None), *there.get_view_names(schema or None)])
            raise ConfigurationError(
                f"clicks.{self.name}.table: there is no table {self._settings.table}.",
                remedy=f"Name an existing table or view, with its schema; there are: {_listed(names)}.",
            ) from None

    def _mapped(self, table: Table) -> dict[str, Column[Any]]:
        """Our column names with the table's columns."""
        mapped: dict[str, Column[Any]] = {}
        for ours, theirs in self._settings.columns.model_dump(exclude_none=True).items():
            if theirs not in table.columns:
                raise ConfigurationError(
                    f"clicks.{self.name}.columns.{ours}: {self._settings.table} has no column {theirs}.",
                    remedy=f"Use one of: {', '.join(column.name for column in table.columns)}.",
                )
            mapped[ours] = table.columns[theirs]
            if ours in TIMES and not is_time(mapped[ours]):
                raise ConfigurationError(
                    f"clicks.{self.name}.columns.{ours}: {theirs} is {mapped[ours].type}, not a timestamp.",
                    remedy="Map a column of a timestamp type, or a view that has one.",
                )
        return mapped

    def _statement(self, table: Table, window: Window, dialect: str) -> Select[Any]:
        mapped = self._mapped(table)
        by = mapped.get("ingested_at", mapped["clicked_at"])
        first, last = bounds(
            window.start - timedelta(minutes=self._settings.overlap_minutes),
            window.end,
            by,
            ZoneInfo(self._settings.time_zone),
        )
        return (
            sqlalchemy.select(
                *(
                    (readable(column, dialect) if ours in TIMES else column).label(ours)
                    for ours, column in mapped.items()
                )
            )
            .where(by >= first, by < last)
            .order_by(by, mapped["click_ref"])
        )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more or "none"


def _first_line(fault: DBAPIError) -> str:
    """What the driver said, without the statement and its parameters."""
    return next(iter(str(fault.orig).strip().splitlines()), "no answer").rstrip(".")
