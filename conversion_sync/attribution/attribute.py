"""Attribute: which click earned which payment, for delivery and for reports.

Delivery asks each platform about its own clicks in its own window; reporting shares a payment's net
among all touches by each model, to the minor unit. The same statements serve an hour and a backfill.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Engine

from conversion_sync.model.windows import Window
from conversion_sync.store.locks import transaction_lock
from conversion_sync.store.queries import query

MICROSECOND = timedelta(microseconds=1)


def attribute(
    engine: Engine, window: Window, *, models: Sequence[str], half_life: timedelta
) -> dict[str, int]:
    """Attributes the dirty events and those of the window; returns counts of events and changed rows."""
    with engine.begin() as connection:
        transaction_lock(connection, "attribute")
        connection.execute(query("attribution/work_tables"))
        events = connection.execute(
            query("attribution/take_dirty_events"), {"window_start": window.start, "window_end": window.end}
        ).rowcount
        connection.execute(query("attribution/analyse_events"))
        steps = connection.execute(query("attribution/collect_paths")).rowcount
        connection.execute(query("attribution/attribute_clicks"))
        clicks = connection.scalar(query("attribution/write_attributed_clicks"))
        connection.execute(
            query("attribution/share_credit"),
            {"models": list(models), "half_life_us": half_life / MICROSECOND},
        )
        shares = connection.scalar(query("attribution/write_credit"))
    return {
        "events": events,
        "touches on their paths": steps,
        "attributed clicks changed": int(clicks or 0),
        "credit rows changed": int(shares or 0),
    }
