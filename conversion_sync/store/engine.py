"""Connections to the product's database: psycopg 3, pooled, in UTC."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import sqlalchemy
from sqlalchemy import Engine, make_url
from sqlalchemy.exc import ArgumentError, OperationalError

from conversion_sync.errors import ConfigurationError

OLDEST_SERVER = 15
KEPT_ALIVE = {"keepalives_idle": 60, "keepalives_interval": 15, "keepalives_count": 4}
"""A delivery's lock is held on a connection that is idle meanwhile: networks forget those within minutes, and
a server that is gone would be waited for for hours."""


def connect(url: str, settings: Mapping[str, str] = MappingProxyType({}), *, ping: bool = True) -> Engine:
    """An engine for any `postgresql://` address; nothing connects before the engine is used.

    Its connections have the server's settings, but for `settings`; with `ping` each is tried before use.

    Raises ConfigurationError for an address that is not PostgreSQL's.
    """
    try:
        address = make_url(url)
    except ArgumentError:
        raise ConfigurationError(
            "database.url is not a database address.", remedy="Write postgresql://user:password@host/name."
        ) from None
    if not address.drivername.startswith("postgresql"):
        raise ConfigurationError(
            f"database.url names {address.drivername}, which is not PostgreSQL.",
            remedy="Write postgresql://user:password@host/name.",
        )
    options = " ".join(f"-c {name}={value}" for name, value in (("timezone", "UTC"), *settings.items()))
    return sqlalchemy.create_engine(
        address.set(drivername="postgresql+psycopg"),
        pool_pre_ping=ping,
        pool_size=2,
        max_overflow=6,
        pool_recycle=300,
        connect_args={"options": options, "connect_timeout": 10, **KEPT_ALIVE},
    )


def probe(engine: Engine) -> int:
    """Connects once; returns the server's major version.

    Raises ConfigurationError when the server cannot be reached, refuses the login or is too old.
    """
    place = f"{engine.url.host or engine.url.query.get('host', 'localhost')}/{engine.url.database}"
    try:
        with engine.connect() as connection:
            version = int(connection.exec_driver_sql("show server_version_num").scalar_one()) // 10000
    except OperationalError as fault:
        first_line = str(fault.orig).strip().splitlines()[0] if fault.orig else "no answer"
        raise ConfigurationError(
            f"The database {place} cannot be used: {first_line}.",
            remedy="Start it, or correct `database.url`, then run again; nothing was written.",
        ) from None
    if version < OLDEST_SERVER:
        raise ConfigurationError(
            f"The database {place} is PostgreSQL {version}.",
            remedy=f"Use PostgreSQL {OLDEST_SERVER} or newer.",
        )
    return version
