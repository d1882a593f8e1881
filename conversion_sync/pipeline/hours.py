"""How the hours of one ad account stand, read from the ledger."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row

from conversion_sync.model.conversion import HELD_BY_PLATFORM, REASONS, Outbound, Reason, State
from conversion_sync.model.money import decimal_amount, plain_text
from conversion_sync.model.windows import Window, floor_hour
from conversion_sync.pipeline.report import FailureRow, HourReport
from conversion_sync.platforms.platform import RowResult
from conversion_sync.store.queries import query

MOST_FAILURES = 50


def hours(
    engine: Engine,
    window: Window,
    platform: str,
    account: str,
    *,
    since: datetime,
    now: datetime,
    live: bool,
) -> tuple[HourReport, ...]:
    """One report an hour, in order, empty hours included, after a delivery that began at `since`.

    `live` False: nothing was meant to leave.
    """
    span = {
        "platform": platform,
        "account": account,
        "window_start": window.start,
        "window_end": window.end,
        "since": since,
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
        sent=count(*HELD_BY_PLATFORM),
        rejected=count("rejected"),
        retryable_left=sum(row.retryable_left for row in rows) if live else 0,
        needs_human=count("held", "unknown"),
        failures=failures,
    )


def refused_by_check(row: Outbound, answer: RowResult) -> FailureRow:
    """A row a check without sending would refuse. Its ledger row stays planned."""
    at_home = answer.code == Reason.INVALID_ROW.value
    reason = Reason.INVALID_ROW if at_home else Reason.PLATFORM_REFUSED
    money = row.value
    return FailureRow(
        conversion_id=row.conversion_id,
        state=State.PLANNED.value,
        reason=reason.value,
        code=answer.code,
        text=answer.text,
        value=_amount(money.minor, money.exponent, money.currency) if money else "",
        occurred_at=row.occurred_at,
        remedy=REASONS[reason].remedy,
    )


def with_refused(reports: Sequence[HourReport], refused: Sequence[FailureRow]) -> tuple[HourReport, ...]:
    """The reports with what a check refused among their hours' failures."""
    by_hour: dict[datetime, list[FailureRow]] = defaultdict(list)
    for row in refused:
        by_hour[floor_hour(row.occurred_at)].append(row)
    return tuple(
        replace(report, failures=(*report.failures, *by_hour[report.hour])[:MOST_FAILURES])
        for report in reports
    )


def _amount(minor: int, exponent: int, currency: str) -> str:
    return f"{plain_text(decimal_amount(minor, exponent))} {currency}"


def _failure(row: Row[Any]) -> FailureRow:
    value = "" if row.value_minor is None else _amount(row.value_minor, row.exponent, row.currency)
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
