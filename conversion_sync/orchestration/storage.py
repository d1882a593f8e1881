"""Dagster's PostgreSQL storage with pooled connections.

The stock storage opens a connection for every call: hundreds of sessions a run (specs/dagster.md §0.6,
§2). This one keeps two per storage and process, because an event is stored while another table is
looked up, and names the psycopg2 driver, without which SQLAlchemy 2.1 picks another (§0.1). It
replaces a private attribute of the stock class; a test holds the version it was written for.
"""

from __future__ import annotations

from typing import Any, Self

import sqlalchemy
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage
from dagster_postgres.utils import pg_url_from_config
from sqlalchemy import make_url

WRITTEN_FOR = "0.29.27"


class PooledPostgresStorage(DagsterPostgresStorage):  # type: ignore[misc]
    """The stock storage; only its engines differ."""

    def __init__(
        self,
        postgres_url: str,
        should_autocreate_tables: bool = True,
        inst_data: ConfigurableClassData | None = None,
    ) -> None:
        url = make_url(postgres_url).set(drivername="postgresql+psycopg2")
        address = url.render_as_string(hide_password=False)
        super().__init__(address, should_autocreate_tables, inst_data)
        for storage in (self.run_storage, self.event_log_storage, self.schedule_storage):
            storage._engine = pooled(address)  # noqa: SLF001 - see the module's head

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """What Dagster calls with the block of dagster.yaml."""
        return cls(
            pg_url_from_config(config_value), config_value.get("should_autocreate_tables", True), inst_data
        )


def pooled(url: str) -> sqlalchemy.Engine:
    """An engine that keeps two connections and makes more when it must."""
    return sqlalchemy.create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=2,
        max_overflow=10,
        pool_pre_ping=True,
        pool_recycle=300,
    )
