"""Where deliveries work: one account's place at the ledger, and how rows of it are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, text

from conversion_sync.store.engine import connect
from conversion_sync.store.partitions import ensure_months

BY_KEY = {
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_seqscan": "off",
    "plan_cache_mode": "force_generic_plan",
}
"""Rows are looked up by index, one by one: a batch is small beside the ledger, and a plan that reads a month
to find a thousand rows would make deliveries slower the more was delivered before. Planning each statement
anew for its values costs more than a small batch does, and finds the same plan."""
SET = text("select set_config(:name, :value, true)")


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
    own: Engine | None = None
    """Connections on which every transaction looks rows up by index, while the account is worked on."""
    _months: set[tuple[int, int]] = field(default_factory=set, repr=False, compare=False)

    def open_month(self, now: datetime) -> None:
        """Makes sure attempts of this moment have their partition; asks once a month."""
        if (now.year, now.month) not in self._months:
            ensure_months(self.engine, "delivery_attempt", [now])
            self._months.add((now.year, now.month))

    @contextmanager
    def by_key(self) -> Iterator[Connection]:
        """A transaction in which rows are looked up by index alone."""
        with (self.own or self.engine).begin() as connection:
            if self.own is None:
                connection.execute(SET, [{"name": name, "value": value} for name, value in BY_KEY.items()])
            yield connection

    @contextmanager
    def at_once(self) -> Iterator[Connection]:
        """Statements that are each a transaction of their own."""
        with (self.own or self.engine).connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    @property
    def key(self) -> dict[str, str]:
        """The account as bind values."""
        return {"platform": self.platform, "account": self.account}


@contextmanager
def at_work(desk: Desk) -> Iterator[Desk]:
    """The desk with connections of its own, for the length of a delivery."""
    own = connect(desk.engine.url.render_as_string(hide_password=False), BY_KEY, ping=False)
    try:
        yield replace(desk, own=own)
    finally:
        own.dispose()


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
