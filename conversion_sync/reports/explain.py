"""Why a conversion is where it is: billing, customer, path, plan and attempts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine

from conversion_sync.errors import DataError
from conversion_sync.model.conversion import REASONS, Reason
from conversion_sync.store.queries import query

MOST_EVENTS = 25
MOST_TOUCHES = 100

Facts = Mapping[str, Any]
"""A row by the names of docs/ledger.md; amounts in minor units, times aware UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One ledger row with its reason in words and everything tried.

    `window_start` is how far back its clicks count.
    """

    row: Facts
    sentence: str
    remedy: str
    window_start: datetime | None
    attempts: tuple[Facts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """One revenue event and what became of it."""

    billing: Facts
    identity: tuple[Facts, ...]
    merged: tuple[Facts, ...]
    """The customers that are one payer with this one."""
    disputed: tuple[Facts, ...]
    """Evidence about the payer that contradicts itself."""
    path: tuple[Facts, ...]
    entries: tuple[Entry, ...]


def explain(engine: Engine, wanted: str) -> list[Explanation]:
    """Explains what an id means: one ledger row, one event, or all events of a billing object.

    `wanted` is a conversion id or a prefix of at least six digits, a vendor-side id (`cs_…`), a revenue
    event's key, or an id of the billing system. Raises DataError when it means nothing, or when a
    prefix means more than one row.
    """
    with engine.connect() as connection:
        found = connection.execute(
            query("reports/find_events"), {"id": wanted, "vendor_id": wanted.removeprefix("cs_")}
        ).all()
        rows = sorted({row.conversion_id for row in found if row.conversion_id})
        if len(rows) > 1 and wanted.removeprefix("cs_") not in rows:
            raise DataError(
                f"{wanted} is the beginning of {len(rows)} conversions: {', '.join(rows[:5])}.",
                remedy="Give more digits.",
            )
        if not found:
            raise DataError(
                f"Nothing in the ledger is called {wanted}.",
                remedy="Give a conversion id, a vendor-side id (cs_…), a revenue event's key, or an id of "
                "the billing system such as in_… or re_…; `conversion-sync ledger` lists them.",
            )
        keys = list(dict.fromkeys(row.event_key for row in found))
        only = rows[0] if rows else None
        return [_explain_event(connection, key, only) for key in keys[:MOST_EVENTS]]


def _explain_event(connection: Connection, key: str, only: str | None) -> Explanation:
    billing = connection.execute(query("reports/explain_event"), {"event_key": key}).mappings().first()
    facts: Facts = dict(billing) if billing else {"event_key": key}
    customer = facts.get("customer_key")
    entries = [
        dict(row) for row in connection.execute(query("reports/explain_rows"), {"event_key": key}).mappings()
    ]
    identity, merged, disputed = (
        tuple(_all(connection, f"explain_{what}", customer_key=customer)) if customer else ()
        for what in ("identity", "merges", "disputes")
    )
    path = (
        _all(connection, "explain_path", customer_key=customer, until=facts["occurred_at"], most=MOST_TOUCHES)
        if customer
        else ()
    )
    return Explanation(
        billing=facts,
        identity=identity,
        merged=merged,
        disputed=disputed,
        path=tuple(path),
        entries=tuple(
            _entry(connection, row) for row in entries if only is None or row["conversion_id"] == only
        ),
    )


def _entry(connection: Connection, row: Facts) -> Entry:
    words = REASONS[Reason(row["reason"])]
    window = row["click_window_us"]
    return Entry(
        row=row,
        sentence=words.sentence,
        remedy=words.remedy,
        window_start=None if window is None else row["occurred_at"] - timedelta(microseconds=window),
        attempts=tuple(_all(connection, "explain_attempts", conversion_id=row["conversion_id"])),
    )


def _all(connection: Connection, name: str, **values: object) -> Sequence[Facts]:
    return [dict(row) for row in connection.execute(query(f"reports/{name}"), values).mappings()]
