"""A click table in the user's own database, read through SQLAlchemy by the declared mapping."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy
from sqlalchemy import Column, Engine, Select, Table, make_url
from sqlalchemy.exc import DBAPIError, NoSuchTableError

from conversion_sync.clicks.normalise import read_row
from conversion_sync.clicks.source import ClickPage
from conversion_sync.config.settings import ClickTable
from conversion_sync.errors import ConfigurationError, TransientError
from conversion_sync.model.click import Click, QuarantinedClick
from conversion_sync.model.windows import Window

PAGE = 10_000


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
        try:
            table = self._table()
            with self._connect().connect() as connection:
                rows = connection.execution_options(yield_per=PAGE).execute(self._statement(table, window))
                for page in rows.mappings().partitions(PAGE):
                    read = [read_row(self.name, dict(row), zone, now) for row in page]
                    yield ClickPage(
                        clicks=[row for row in read if isinstance(row, Click)],
                        quarantined=[row for row in read if isinstance(row, QuarantinedClick)],
                    )
        except DBAPIError as fault:
            raise TransientError(
                f"The database of clicks.{self.name} cannot be read: {_first_line(fault)}.",
                remedy="Start it or correct `url`, then run again: pages already read are kept.",
            ) from None

    def check(self) -> None:
        """Raises what `read` would, without reading rows."""
        try:
            self._mapped(self._table())
        except DBAPIError as fault:
            raise TransientError(
                f"The database of clicks.{self.name} cannot be reached: {_first_line(fault)}.",
                remedy="Start it or correct `url`.",
            ) from None

    def close(self) -> None:
        """Release connections."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def _connect(self) -> Engine:
        if self._engine is None:
            url = make_url(self._settings.url.get_secret_value())
            if url.drivername == "postgresql":
                url = url.set(drivername="postgresql+psycopg")
            self._engine = sqlalchemy.create_engine(url, pool_size=1, max_overflow=1)
        return self._engine

    def _table(self) -> Table:
        schema, _, name = self._settings.table.rpartition(".")
        try:
            return Table(name, sqlalchemy.MetaData(), schema=schema or None, autoload_with=self._connect())
        except NoSuchTableError:
            raise ConfigurationError(
                f"clicks.{self.name}.table: there is no table {self._settings.table}.",
                remedy="Name an existing table or view, with its schema.",
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
        return mapped

    def _statement(self, table: Table, window: Window) -> Select[Any]:
        mapped = self._mapped(table)
        by = mapped.get("ingested_at", mapped["clicked_at"])
        zoned = bool(getattr(by.type, "timezone", False))
        start = window.start - timedelta(minutes=self._settings.overlap_minutes)
        return (
            sqlalchemy.select(*(column.label(ours) for ours, column in mapped.items()))
            .where(by >= self._bound(start, zoned=zoned), by < self._bound(window.end, zoned=zoned))
            .order_by(by, mapped["click_ref"])
        )

    def _bound(self, moment: datetime, *, zoned: bool) -> datetime:
        """The moment as the column counts time."""
        if zoned:
            return moment.astimezone(UTC)
        return moment.astimezone(ZoneInfo(self._settings.time_zone)).replace(tzinfo=None)


def _first_line(fault: DBAPIError) -> str:
    """What the driver said, without the statement and its parameters."""
    return next(itertools.chain(str(fault.orig).strip().splitlines(), ["no answer"]))
