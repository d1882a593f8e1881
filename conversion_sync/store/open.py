"""Opens the product's database: the user's own, or the embedded one for the length of the block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine, make_url

from conversion_sync.config.settings import Settings
from conversion_sync.store.databases import ensure_database
from conversion_sync.store.embedded import EmbeddedServer
from conversion_sync.store.engine import connect, probe
from conversion_sync.store.migrate import migrate

PRODUCT_DATABASE = "conversion_sync"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDatabase:
    """`engine` and `url` lead to the product's tables, `dagster_url` (psycopg2) to Dagster's storage.

    `server` is the embedded one, None when the database is the user's.
    """

    engine: Engine
    url: str
    dagster_url: str
    server: EmbeddedServer | None


@contextmanager
def open_database(settings: Settings) -> Iterator[OpenDatabase]:
    """Connects, migrates, and makes sure that Dagster's database exists.

    Raises ConfigurationError when the database cannot be used.
    """
    with ExitStack() as stack:
        server: EmbeddedServer | None = None
        if settings.database.url is not None:
            url = settings.database.url.get_secret_value()
        else:
            server = stack.enter_context(EmbeddedServer(settings.home))
            server.ensure_database(PRODUCT_DATABASE)
            url = server.url(PRODUCT_DATABASE)
        engine = connect(url)
        stack.callback(engine.dispose)
        probe(engine)
        migrate(url)
        ensure_database(url, settings.database.dagster_database)
        yield OpenDatabase(
            engine=engine,
            url=url,
            dagster_url=dagster_url(url, settings.database.dagster_database),
            server=server,
        )


def dagster_url(url: str, database: str) -> str:
    """The address of Dagster's database, with the driver dagster-postgres needs (specs/dagster.md §0)."""
    address = make_url(url).set(drivername="postgresql+psycopg2", database=database)
    return address.render_as_string(hide_password=False)
