"""Inbox: the webhooks the receiver kept become raw records, and leave it in the transaction that lands them.

    webhook_inbox ──► provider.received ──► raw_event (one row an event, whichever way it came first)
                      └─ nobody can read it ──► stays, parked, with the reason

Batches are locked rows: several runs share the work, and what is killed was not done. Landing marks the
customers `dirty`, so the next run of the books reads them, however old the webhook's own hour is.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from sqlalchemy import Connection, Row
from sqlalchemy.exc import DBAPIError

from conversion_sync.billing.provider import BillingProvider, RawRecord
from conversion_sync.errors import ConversionSyncError, DataError, PermanentError
from conversion_sync.model.revenue import Transport
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.context import Account, Context
from conversion_sync.pipeline.history import read_pasts
from conversion_sync.pipeline.pull import land_records, pull_billing
from conversion_sync.pipeline.release import release
from conversion_sync.pipeline.report import RoomReport
from conversion_sync.redaction import excerpt
from conversion_sync.store.faults import database_fault, first_line
from conversion_sync.store.partitions import ensure_months
from conversion_sync.store.queries import query

BATCH = 500
"""Webhooks of a transaction at most."""
COUNTS = ("webhooks", "webhooks new", "webhooks parked", "webhooks left")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A webhook and what is in it."""

    inbox_id: int
    records: tuple[RawRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A webhook that is not landed: for good, with the reason, or (None) until a vendor answers again."""

    inbox_id: int
    reason: str | None


def billing_events(ctx: Context, window: Window) -> RoomReport:
    """The room: webhooks first, which land whether or not the vendors' APIs answer, then the window's pull.

    Last what is missing of the accounts' past before it, which may take long. Raises as `pull_billing`.
    """
    landed = land_webhooks(ctx)
    pulled = pull_billing(ctx, window)
    past = read_pasts(ctx, window)
    return RoomReport(room=pulled.room, counts={**pulled.counts, **landed.counts, **past.counts})


def land_webhooks(ctx: Context) -> RoomReport:
    """Lands what the receiver kept, all accounts of the configuration.

    Nothing a webhook says raises; a database that fails does, and what was landed before stays.
    """
    counts: dict[str, int] = {}
    for account, build in sorted(ctx.providers.items()):
        done = dict.fromkeys(COUNTS, 0)
        provider = build()
        try:
            for batch in _batches(ctx, account, provider):
                done = {name: done[name] + batch[name] for name in COUNTS}
        finally:
            provider.close()
        counts |= {f"{':'.join(account)} {name}": count for name, count in done.items() if count}
    return RoomReport(room="webhooks", counts=counts)


def _batches(ctx: Context, account: Account, provider: BillingProvider) -> Iterator[Mapping[str, int]]:
    after: int | None = 0
    while after is not None:
        after, counts = _batch(ctx, account, provider, after)
        yield counts


def _batch(
    ctx: Context, account: Account, provider: BillingProvider, after: int
) -> tuple[int | None, Mapping[str, int]]:
    """Lands a batch; gives the last webhook it looked at, None if there was none, and its counts."""
    with ctx.engine.begin() as connection:
        rows = connection.execute(
            query("receiver/take_deliveries"),
            {
                "provider": account[0],
                "account": account[1],
                "after": after,
                "release": release(),
                "count": BATCH,
            },
        ).all()
        if not rows:
            return None, dict.fromkeys(COUNTS, 0)
        read = [_read(account, provider, row) for row in rows]
        good = [one for one in read if isinstance(one, Delivery)]
        ensure_months(ctx.engine, "raw_event", (record.created_at for one in good for record in one.records))
        new, refused = _land(connection, account, good, min(row.received_at for row in rows))
        unread = [one for one in read if isinstance(one, Unread)] + refused
        _settle(connection, rows, unread, ctx.clock())
    parked = sum(1 for one in unread if one.reason is not None)
    counts = (len(rows), new, parked, len(unread) - parked)
    return rows[-1].inbox_id, dict(zip(COUNTS, counts, strict=True))


def _read(account: Account, provider: BillingProvider, row: Row[tuple[object, ...]]) -> Delivery | Unread:
    try:
        records = tuple(provider.received(bytes(row.body), row.received_at))
    except (DataError, PermanentError) as fault:
        return Unread(inbox_id=row.inbox_id, reason=fault.message)
    except ConversionSyncError as fault:
        # The vendor has to be asked for the rest of it: the next run does.
        log.warning("A webhook of %s waits: %s", ":".join(account), fault.message)
        return Unread(inbox_id=row.inbox_id, reason=None)
    return Delivery(inbox_id=row.inbox_id, records=records)


def _land(
    connection: Connection, account: Account, deliveries: Sequence[Delivery], start: datetime
) -> tuple[int, list[Unread]]:
    """Lands all together, else the halves: what the database refuses of one keeps no other out.

    Gives how many records were new, and the webhooks that were refused.
    """
    if not deliveries:
        return 0, []
    try:
        with connection.begin_nested():
            page = [record for one in deliveries for record in one.records]
            return land_records(connection, account, page, start, Transport.WEBHOOK)[0], []
    except (DBAPIError, psycopg.Error, UnicodeError) as fault:
        if database_fault(fault) is not None:
            raise
        if len(deliveries) == 1:
            return 0, [Unread(inbox_id=deliveries[0].inbox_id, reason=_why(fault))]
    middle = len(deliveries) // 2
    new, refused = _land(connection, account, deliveries[:middle], start)
    more_new, more_refused = _land(connection, account, deliveries[middle:], start)
    return new + more_new, refused + more_refused


def _why(fault: Exception) -> str:
    """Without the value: the database's own words may quote it."""
    cause = fault.orig if isinstance(fault, DBAPIError) else fault
    if isinstance(cause, UnicodeError):
        return "It holds text that no database keeps."
    return f"The database does not keep it: {excerpt(first_line(cause))}."


def _settle(
    connection: Connection,
    rows: Sequence[Row[tuple[object, ...]]],
    unread: Sequence[Unread],
    now: datetime,
) -> None:
    """Removes what was landed, parks what cannot be."""
    staying = {one.inbox_id for one in unread}
    landed = [row.inbox_id for row in rows if row.inbox_id not in staying]
    connection.execute(query("receiver/remove_deliveries"), {"landed": landed})
    parked = [one for one in unread if one.reason is not None]
    if parked:
        connection.execute(
            query("receiver/park_deliveries"),
            {
                "parked": [one.inbox_id for one in parked],
                "reasons": [one.reason for one in parked],
                "release": release(),
                "now": now,
            },
        )
