"""Pull: what vendors and click tables say is landed as it came, page by page.

Each page is one transaction, so a run that dies keeps what it read and the next run reads the rest;
records already kept are left alone. A line in `pull` says what came and how late it was.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from conversion_sync.billing.provider import BillingProvider, RawRecord
from conversion_sync.clicks.source import ClickSource
from conversion_sync.errors import ConversionSyncError
from conversion_sync.model.click import COLLECTOR
from conversion_sync.model.revenue import Transport
from conversion_sync.model.windows import HOUR, Window, floor_hour
from conversion_sync.pipeline.collected import land_collected
from conversion_sync.pipeline.context import Account, Context
from conversion_sync.pipeline.land_clicks import land_click_page
from conversion_sync.pipeline.report import RoomReport
from conversion_sync.store.copy import copy_rows
from conversion_sync.store.partitions import ensure_months
from conversion_sync.store.queries import query

RAW_COLUMNS = (
    "provider",
    "account",
    "event_id",
    "event_type",
    "created_at",
    "livemode",
    "api_version",
    "customer_ref",
    "invoice_ref",
    "payment_ref",
    "transport",
    "body",
    "body_sha256",
)
SURELY_LISTED = timedelta(days=1)
"""The last day before a provider forgets its events is read from objects: a pull may take its time."""


def pull_billing(ctx: Context, window: Window) -> RoomReport:
    """Lands the billing records of the window, all accounts.

    What is older than a provider lists is in the history or a backfill, which read objects.

    Raises CredentialError, TransientError or PermanentError of the provider; pages landed before
    that stay.
    """
    counts: dict[str, int] = {}
    for account, build in sorted(ctx.providers.items()):
        provider = build()
        try:
            listed = _listed(window, provider, ctx.clock())
            came = pull_window(ctx, account, provider, listed) if listed else Came()
        finally:
            provider.close()
        source = ":".join(account)
        counts |= {f"{source} read": came.seen, f"{source} new": came.new, f"{source} late": came.late}
        if listed != window:
            counts[f"{source} hours no longer listed"] = _hours_lost(window, listed)
    return RoomReport(room="billing_events", counts=counts)


class Came(NamedTuple):
    """What a pull brought: records, how many were new, and how many of those lay before its window."""

    seen: int = 0
    new: int = 0
    late: int = 0


def pull_window(ctx: Context, account: Account, provider: BillingProvider, window: Window) -> Came:
    """Lands what one account's events say of a window, and writes down that it was read."""
    came = Came()
    for page in provider.pull(window):
        new, late = land_record_page(ctx.engine, account, page, window.start)
        came = Came(came.seen + len(page), came.new + new, came.late + late)
    record_pull(ctx, ":".join(account), window, seen=came.seen, new=came.new, late=came.late)
    return came


def listed_from(provider: BillingProvider, now: datetime) -> datetime:
    """From when on a provider's events are surely all listed."""
    return floor_hour(now - provider.retention + SURELY_LISTED)


def _listed(window: Window, provider: BillingProvider, now: datetime) -> Window | None:
    start = max(window.start, listed_from(provider, now))
    return Window(start, window.end) if start < window.end else None


def _hours_lost(window: Window, listed: Window | None) -> int:
    return int(((listed.start if listed else window.end) - window.start) / HOUR)


def pull_clicks(ctx: Context, window: Window) -> RoomReport:
    """Lands the clicks of the window from every click table, and all that the collector holds.

    Unusable rows go to quarantine, counted by reason. A table that cannot be read keeps no other from being
    read. Raises the first one's ConfigurationError (a missing table or column) or TransientError (a database
    that is down); pages landed before that stay.
    """
    counts: dict[str, int] = {}
    failed: list[ConversionSyncError] = []
    for name, build in sorted(ctx.click_sources.items()):
        try:
            counts |= _pull_table(ctx, name, build, window)
        except ConversionSyncError as fault:
            failed.append(fault)
    if ctx.settings.receiver.collector is not None:
        told = land_collected(ctx.engine, window.start)
        counts |= _record_clicks(ctx, COLLECTOR, window, told.read, told.new, told.late, told.quarantined)
        counts[f"{COLLECTOR} identified"] = told.identified
    if failed:
        raise failed[0]
    return RoomReport(room="clicks", counts=counts)


def _pull_table(ctx: Context, name: str, build: Callable[[], ClickSource], window: Window) -> dict[str, int]:
    source = build()
    seen = new = late = 0
    bad: Counter[str] = Counter()
    try:
        for page in source.read(window):
            page_new, page_late = land_click_page(ctx.engine, page, window.start)
            seen += page.rows
            new, late = new + page_new, late + page_late
            bad.update(row.reason for row in page.quarantined)
    finally:
        source.close()
    return _record_clicks(ctx, name, window, seen, new, late, bad)


def _record_clicks(
    ctx: Context, name: str, window: Window, seen: int, new: int, late: int, bad: Counter[str]
) -> dict[str, int]:
    """Writes down a pull of clicks; returns its counts as the run shows them."""
    record_pull(ctx, f"clicks:{name}", window, seen=seen, new=new, late=late, quarantined=bad.total())
    counts = {
        f"{name} read": seen,
        f"{name} new": new,
        f"{name} late": late,
        f"{name} quarantined": bad.total(),
    }
    return counts | {f"{name} quarantined as {reason}": count for reason, count in sorted(bad.items())}


def land_record_page(
    engine: Engine,
    account: Account,
    page: Sequence[RawRecord],
    window_start: datetime,
    transport: Transport = Transport.EVENTS,
) -> tuple[int, int]:
    """Lands one page; returns how many records were new and how many of those lay before the window."""
    ensure_months(engine, "raw_event", (record.created_at for record in page))
    with engine.begin() as connection:
        return land_records(connection, account, page, window_start, transport)


def land_records(
    connection: Connection,
    account: Account,
    page: Sequence[RawRecord],
    window_start: datetime,
    transport: Transport,
) -> tuple[int, int]:
    """The same in the connection's transaction; the records' months exist."""
    provider, name = account
    rows = [
        (
            provider,
            name,
            record.event_id,
            record.event_type,
            record.created_at,
            record.livemode,
            record.api_version,
            record.customer_ref,
            record.invoice_ref,
            record.payment_ref,
            transport.value,
            record.body,
            hashlib.sha256(record.body.encode()).hexdigest(),
        )
        for record in page
    ]
    connection.execute(query("landing/billing_work_tables"))
    copy_rows(connection, "staged_raw_event", RAW_COLUMNS, rows)
    landed = connection.execute(query("landing/land_raw_events"), {"window_start": window_start}).one()
    for step in ("learn_references", "link_references", "spread_references", "resolve_customers"):
        connection.execute(query(f"landing/{step}"))
    return int(landed.rows_new), int(landed.rows_late)


def record_pull(
    ctx: Context,
    source: str,
    window: Window,
    *,
    seen: int,
    new: int,
    late: int = 0,
    quarantined: int = 0,
    transport: Transport = Transport.EVENTS,
) -> None:
    """Writes down what was asked and what came."""
    with ctx.engine.begin() as connection:
        connection.execute(
            query("landing/record_pull"),
            {
                "source": source,
                "window_start": window.start,
                "window_end": window.end,
                "rows_seen": seen,
                "rows_new": new,
                "rows_late": late,
                "rows_quarantined": quarantined,
                "transport": transport.value,
                "run_id": ctx.run_id,
            },
        )
