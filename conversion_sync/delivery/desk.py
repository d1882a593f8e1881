"""Where deliveries work: one account's place at the ledger, and how rows of it are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Engine

from conversion_sync.store.partitions import ensure_months
from conversion_sync.store.queries import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One account's place at the ledger: which account, which run, which targets its actions have."""

    engine: Engine
    platform: str
    account: str
    run_id: str
    targets: Mapping[str, Mapping[str, str]]
    rules: tuple[str, ...] = ()
    """Under which rules the account sends customers' identifiers; none unless its configuration says so."""
    _months: set[tuple[int, int]] = field(default_factory=set, repr=False, compare=False)

    def open_month(self, now: datetime) -> None:
        """Makes sure attempts of this moment have their partition; asks once a month."""
        if (now.year, now.month) not in self._months:
            ensure_months(self.engine, "delivery_attempt", [now])
            self._months.add((now.year, now.month))

    @contextmanager
    def by_key(self) -> Iterator[Connection]:
        """A transaction in which rows are looked up by index alone."""
        with self.engine.begin() as connection:
            connection.execute(query("delivery/by_key"))
            yield connection

    @property
    def key(self) -> dict[str, str]:
        """The account as bind values."""
        return {"platform": self.platform, "account": self.account}


class Keyed(Protocol):
    """Anything that says of which ledger row it is."""

    @property
    def conversion_id(self) -> str:
        """The row's name."""
        ...

    @property
    def occurred_at(self) -> datetime:
        """The time of its event, which says in which partition it is."""
        ...


def keys(rows: Sequence[Keyed]) -> dict[str, Any]:
    """Which rows, as bind values; the times say which partitions they are in."""
    times = [row.occurred_at for row in rows]
    return {
        "conversion_ids": ",".join(row.conversion_id for row in rows),
        "earliest": min(times),
        "latest": max(times),
    }
