"""Monthly partitions, made before rows that need them arrive."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import Engine

from conversion_sync.store.queries import query


def ensure_months(engine: Engine, table: str, moments: Iterable[datetime]) -> None:
    """Creates the partitions of `table` the moments (aware) fall into, in a transaction of its own.

    Its own, because making a partition locks the whole table for a moment: a transaction that
    already reads the table could wait for another that does the same.
    """
    months = sorted({moment.astimezone(UTC).strftime("%Y-%m-01 00:00:00+00") for moment in moments})
    with engine.begin() as connection:
        for month in months:
            connection.execute(query("landing/ensure_month"), {"parent": table, "moment": month})
