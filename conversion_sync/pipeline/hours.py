"""How the hours of one ad account stand, read from the ledger."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row

from conversion_sync.model.conversion import REASONS, Reason
from conversion_sync.model.money import decimal_amount, plain_text
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.report import FailureRow, HourReport
from conversion_sync.store.queries import query

MOST_FAILURES = 50
HELD_BY_PLATFORM = frozenset({"settled", "accepted"})


def hours(
    engine: Engine, window: Window, platform: str, account: str, now: datetime, *, live: bool
) -> tuple[HourReport, ...]:
    """One report an hour, in order, empty hours included. `live` False: nothing was meant to leave."""
    span = {
        "platform": platform,
        "account": account,
        "window_start": window.start,
        "window_end": window.end,
        "now": now,
    }
    with engine.begin() as connection:
        states = connection.execute(query("reports/hour_states"), span).all()
        failures = connection.execute(query("reports/hour_failures"), {**span, "most": MOST_FAILURES}).all()
    by_hour: dict[datetime, list[Row[Any]]] = defaultdict(list)
    for row in states:
        by_hour[row.hour].append(row)
    failed: dict[datetime, list[FailureRow]] = defaultdict(list)
    for row in failures:
        failed[row.hour].append(_failure(row))
    return tuple(
        _report(hour.start, by_hour[hour.start], tuple(failed[hour.start]), live=live)
        for hour in window.hours()
    )


def _report(
    hour: datetime, rows: Sequence[Row[Any]], failures: tuple[FailureRow, ...], *, live: bool
) -> HourReport:
    states: Counter[tuple[str, str]] = Counter()
    value: Counter[tuple[str, int]] = Counter()
    for row in rows:
        states[row.state, row.reason] += row.entries
        if row.state in HELD_BY_PLATFORM and row.currency:
            value[row.currency, row.exponent] += row.book_minor

    def count(*wanted: str) -> int:
        return sum(entries for (state, _), entries in states.items() if state in wanted)

    return HourReport(
        hour=hour,
        rows=sum(states.values()),
        states=dict(states),
        value_minor=dict(value),
        sent=count("settled", "accepted"),
        rejected=count("rejected"),
        retryable_left=sum(row.retryable_left for row in rows) if live else 0,
        needs_human=count("held", "unknown"),
        failures=failures,
    )


def _failure(row: Row[Any]) -> FailureRow:
    value = ""
    if row.value_minor is not None:
        value = f"{plain_text(decimal_amount(row.value_minor, row.exponent))} {row.currency}"
    return FailureRow(
        conversion_id=row.conversion_id,
        state=row.state,
        reason=row.reason,
        code=row.code,
        text=row.text,
        value=value,
        occurred_at=row.occurred_at,
        remedy=REASONS[Reason(row.reason)].remedy,
    )
