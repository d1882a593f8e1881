"""Plan: one row in the ledger for every revenue event at every ad account, with a reason.

Payments first, corrections after, in one transaction that holds the rows it decides about: what a
correction may do depends on whether its payment has left, and no delivery can change that meanwhile.
Rows that left are never touched; rows that did not follow the facts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Connection, Engine

from conversion_sync.model.click import CLICK_ID_ARRAYS
from conversion_sync.model.windows import Window
from conversion_sync.store.locks import transaction_lock
from conversion_sync.store.queries import query


def plan(engine: Engine, window: Window | None, now: datetime) -> dict[str, int]:
    """Plans the stale events and those of the window, if there is one; returns how many events and rows."""
    with engine.begin() as connection:
        return replan(connection, window, now)


def replan(
    connection: Connection, window: Window | None, now: datetime, first: Callable[[], None] = lambda: None
) -> dict[str, int]:
    """Plans as part of the caller's transaction; `first` is called once the rows at work are held."""
    span = {
        "window_start": window.start if window else None,
        "window_end": window.end if window else None,
    }
    transaction_lock(connection, "plan")
    connection.execute(query("planning/work_tables"))
    events = connection.execute(query("planning/take_dirty_events"), span).rowcount
    if not events:
        return {"events": 0, "rows opened": 0, "rows changed": 0, "rows superseded": 0}
    connection.execute(query("planning/analyse_events"))
    connection.execute(query("planning/lock_rows"))
    first()
    opened = changed = superseded = 0
    for kind, decide, facts in (
        ("conversion", "plan_conversions", CLICK_ID_ARRAYS),
        ("adjustment", "plan_corrections", {}),
    ):
        connection.execute(query("planning/empty_desired"))
        connection.execute(query(f"planning/{decide}"), {"now": now} | facts)
        connection.execute(query("planning/analyse_desired"))
        step = _apply(connection, kind, now)
        opened, changed, superseded = opened + step[0], changed + step[1], superseded + step[2]
    return {
        "events": events,
        "rows opened": opened,
        "rows changed": changed,
        "rows superseded": superseded,
    }


def _apply(connection: Connection, kind: str, now: datetime) -> tuple[int, int, int]:
    connection.execute(query("planning/drop_already_sent"))
    superseded = connection.execute(query("planning/supersede_unsent"), {"kind": kind, "now": now}).rowcount
    changed = connection.execute(query("planning/update_unsent"), {"now": now}).rowcount
    opened = connection.execute(query("planning/insert_new"), {"now": now}).rowcount
    return opened, changed, superseded
