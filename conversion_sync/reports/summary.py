"""What was read, what it came to, and what each ad account got of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import Engine

from conversion_sync.model.conversion import HELD_BY_PLATFORM
from conversion_sync.model.money import decimal_amount
from conversion_sync.reports.span import span
from conversion_sync.store.queries import query


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """How much was read, and how much of it was put aside."""

    raw_events: int
    clicks: int
    ad_clicks: int
    quarantined_clicks: int
    parked_records: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTotal:
    """Revenue events of one kind and currency; `currency` is empty for facts without money."""

    kind: str
    lane: str
    livemode: bool
    currency: str
    exponent: int
    entries: int
    net_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTotal:
    """Ledger rows of one account, kind of row, state, reason and currency; `entries` holds `retractions`."""

    platform: str
    account: str
    kind: str
    state: str
    reason: str
    currency: str
    exponent: int
    entries: int
    book_minor: int
    retractions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """What one account holds: conversions that count there, and their value in major units by currency."""

    conversions: int
    value: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The whole picture of a span."""

    read: Read
    events: tuple[EventTotal, ...]
    rows: tuple[RowTotal, ...]


def summary(engine: Engine, start: datetime | None = None, end: datetime | None = None) -> Summary:
    """Counts and sums of [start, end), by the time of the event; None leaves an end open."""
    bounds = span(start, end)
    with engine.connect() as connection:
        read = connection.execute(query("reports/summary_read"), bounds).mappings().one()
        events = connection.execute(query("reports/summary_events"), bounds).mappings().all()
        rows = connection.execute(query("reports/summary_rows"), bounds).mappings().all()
    return Summary(
        read=Read(**read),
        events=tuple(EventTotal(**row) for row in events),
        rows=tuple(RowTotal(**row) for row in rows),
    )


def delivered(rows: Iterable[RowTotal]) -> dict[tuple[str, str], Delivered]:
    """Per (platform, account) what its platform holds by our books; accounts that hold nothing included."""
    conversions: dict[tuple[str, str], int] = defaultdict(int)
    value: dict[tuple[str, str], dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in rows:
        account = (row.platform, row.account)
        conversions[account] += 0
        if row.state not in HELD_BY_PLATFORM:
            continue
        conversions[account] += row.entries if row.kind == "conversion" else -row.retractions
        if row.currency:
            value[account][row.currency] += decimal_amount(row.book_minor, row.exponent)
    return {
        account: Delivered(conversions=count, value=dict(value[account]))
        for account, count in sorted(conversions.items())
    }
