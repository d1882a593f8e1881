"""The rooms without Dagster, and records normalised a CPU-second.

That figure has its floor, measured in the same run: what parsing the same records costs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import groupby

from sqlalchemy import text

from conversion_sync.billing.provider import RawRecord
from conversion_sync.model.revenue import customer_key
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.attribute import attribute
from conversion_sync.pipeline.context import Context
from conversion_sync.pipeline.deliver import deliver
from conversion_sync.pipeline.normalise import normalise
from conversion_sync.pipeline.plan import plan
from conversion_sync.pipeline.pull import pull_billing, pull_clicks

RECORDS = text(
    "select resolved_customer as customer_ref, event_id, event_type, created_at, livemode, api_version,"
    " invoice_ref, payment_ref, body from raw_event"
    " where resolved_customer is not null order by resolved_customer"
)


def room_figures(context: Context, window: Window) -> dict[str, float]:
    """Runs every room once over the whole window; leaves everything delivered."""
    figures: dict[str, float] = {}
    for name, room in (("pull billing", pull_billing), ("pull clicks", pull_clicks)):
        figures[f"{name}, s"] = _wall(lambda room=room: room(context, window))
    figures |= _normalised(context)
    for name, room in (("normalise", normalise), ("attribute", attribute), ("plan", plan)):
        figures[f"{name}, s"] = _wall(lambda room=room: room(context, window))
    for platform, account in sorted(context.platforms):
        deliver(context, window, platform, account)
    return figures


def _normalised(context: Context) -> dict[str, float]:
    """From stored records to customers' books, in memory; the floor is parsing the records' JSON."""
    ((provider, account), build) = next(iter(context.providers.items()))
    with context.engine.connect() as connection:
        rows = connection.execute(RECORDS).all()
    customers = {
        customer: [
            RawRecord(
                event_id=row.event_id,
                event_type=row.event_type,
                created_at=row.created_at,
                livemode=row.livemode,
                api_version=row.api_version,
                customer_ref=row.customer_ref,
                invoice_ref=row.invoice_ref,
                payment_ref=row.payment_ref,
                body=row.body if isinstance(row.body, str) else json.dumps(row.body),
            )
            for row in group
        ]
        for customer, group in groupby(rows, key=lambda row: row.customer_ref)
    }
    adapter = build()
    work = _cpu(
        lambda: [
            adapter.normalise(customer_key(provider, account, customer), records)
            for customer, records in customers.items()
        ]
    )
    floor = _cpu(lambda: [json.loads(record.body) for records in customers.values() for record in records])
    return {
        "records normalised / CPU-s": len(rows) / work,
        "normalising, times the cost of json.loads": work / floor,
    }


def _wall(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
