"""The past of a billing account, read from objects: what is older than its events, or was missed.

    history     before anything of the account is uploaded: all of it up to the first window that is synced,
                oldest first, in steps that are kept, so that a run that dies goes on where it was
    holes       later, spans before a window that no run has pulled: from events while they are listed,
                else from objects
    backfill    any span a person, or a schedule, asks for again; what it repaired is told

What was read is normalised like everything else; which way it came makes no difference to the books.
Source: specs/billing.md §0 (4), §1.5 (why the past comes first), §8 (lessons 1 and 6).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from conversion_sync.billing.provider import BillingProvider
from conversion_sync.model.revenue import Transport
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.context import Account, Context
from conversion_sync.pipeline.normalise import normalise_account
from conversion_sync.pipeline.pull import land_record_page, listed_from, pull_window, record_pull
from conversion_sync.pipeline.report import RoomReport
from conversion_sync.store.locks import session_lock
from conversion_sync.store.queries import query

BEFORE_ALL = datetime(2010, 1, 1, tzinfo=UTC)
"""No billing system we know had customers before: where a history begins unless the configuration says."""
LONGEST_STEP = timedelta(days=720)
"""Empty years are passed in steps that double up to this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """How far one account's past has been read. Uploads wait until it is `complete`."""

    provider: str
    account: str
    read_from: datetime
    read_until: datetime
    wanted_until: datetime
    complete: bool


def histories(engine: Engine) -> list[History]:
    """Every account whose past was ever asked for."""
    with engine.begin() as connection:
        return [
            History(
                provider=row.provider,
                account=row.account,
                read_from=row.read_from,
                read_until=row.read_until,
                wanted_until=row.wanted_until,
                complete=row.complete_at is not None,
            )
            for row in connection.execute(query("history/histories"))
        ]


def read_pasts(ctx: Context, window: Window) -> RoomReport:
    """Reads what is missing of every account's past before a window, and of it what is no longer listed.

    Raises as the providers do; what was read before that stays, and the next run goes on from there.
    """
    counts: dict[str, int] = {}
    for account, build in sorted(ctx.providers.items()):
        provider = build()
        try:
            read = read_past(ctx, account, provider, window)
        finally:
            provider.close()
        counts |= {f"{':'.join(account)} {name}": count for name, count in read.items()}
    return RoomReport(room="history", counts=counts)


def read_past(ctx: Context, account: Account, provider: BillingProvider, window: Window) -> dict[str, int]:
    """Reads what is missing of one account's past; returns what was read, nothing when all was."""
    before = max(window.start, min(window.end, listed_from(provider, ctx.clock())))
    key = {"provider": account[0], "account": account[1]}
    with session_lock(ctx.engine, "history", *account):
        begin = ctx.settings.billing[account[0]][account[1]].history_from or BEFORE_ALL
        with ctx.engine.begin() as connection:
            stand = connection.execute(
                query("history/open_history"), {**key, "read_from": min(begin, before), "before": before}
            ).one()
            holes = [
                Window(hole.hole_start, hole.hole_end)
                for hole in connection.execute(
                    query("history/holes"),
                    {"source": ":".join(account), "read_until": stand.read_until, "before": before},
                )
            ]
        read = sum(_fill(ctx, account, provider, hole) for hole in holes)
        if before > stand.read_until:
            _moved(ctx, account, before)
        if stand.complete_at is None:
            with ctx.engine.begin() as connection:
                connection.execute(
                    query("history/complete_history"),
                    {**key, "now": ctx.clock(), "prefix": f"{':'.join(account)}:"},
                )
            return {"history": read}
    missing = sum((hole.end - hole.start for hole in holes), timedelta())
    hours = int(missing / timedelta(hours=1))
    return {"hours missed": hours, "records read for them": read} if holes else {}


def _fill(ctx: Context, account: Account, provider: BillingProvider, hole: Window) -> int:
    """Reads a span nobody pulled: objects where its events are gone, then what is still listed."""
    edge = min(max(hole.start, listed_from(provider, ctx.clock())), hole.end)
    read = 0
    if hole.start < edge:
        for span, objects in _steps(ctx, account, provider, Window(hole.start, edge)):
            _moved(ctx, account, span.end)
            read += objects
    if edge < hole.end:
        read += pull_window(ctx, account, provider, Window(edge, hole.end)).seen
    return read


def _steps(
    ctx: Context, account: Account, provider: BillingProvider, past: Window
) -> Iterator[tuple[Window, int]]:
    """Lands the past span by span; an empty one is followed by one twice as long."""
    whole = past.end - past.start
    usual = provider.history_step or whole
    start, step = past.start, usual
    while start < past.end:
        span = Window(start, min(start + step, past.end))
        seen, _ = land_objects(ctx, account, provider, span, Transport.BACKFILL)
        yield span, seen
        start, step = span.end, usual if seen else min(step * 2, max(LONGEST_STEP, usual))


def _moved(ctx: Context, account: Account, until: datetime) -> None:
    with ctx.engine.begin() as connection:
        connection.execute(
            query("history/move_history"),
            {"provider": account[0], "account": account[1], "read_until": until},
        )


def land_objects(
    ctx: Context, account: Account, provider: BillingProvider, window: Window, transport: Transport
) -> tuple[int, int]:
    """Lands the objects of a window; returns how many there were, and how many in a state not seen before."""
    seen = new = 0
    for page in provider.objects(window):
        page_new, _ = land_record_page(ctx.engine, account, page, window.start, transport)
        seen, new = seen + len(page), new + page_new
    record_pull(
        ctx,
        ":".join(account),
        window,
        seen=seen,
        new=new,
        transport=transport,
    )
    return seen, new


def backfill(
    ctx: Context,
    window: Window,
    transport: Transport = Transport.BACKFILL,
    only: Account | None = None,
) -> RoomReport:
    """Reads the objects of a window again and normalises them; tells what that repaired.

    Revenue events that were missing or said something else are `repaired`; the next sync attributes and
    plans them. Raises as the provider does; what was read before that stays.
    """
    counts: dict[str, int] = {}
    for account, build in sorted(ctx.providers.items()):
        if only not in (None, account):
            continue
        provider = build()
        try:
            normalise_account(ctx, account, provider, None)
            seen, new = land_objects(ctx, account, provider, window, transport)
            written = normalise_account(ctx, account, provider, None)
        finally:
            provider.close()
        source = ":".join(account)
        repaired = written["changed"] + written["retired"]
        counts |= {f"{source} objects": seen, f"{source} new states": new, f"{source} repaired": repaired}
    return RoomReport(room="backfill", counts=counts)


def renormalise(ctx: Context, only: Account | None = None) -> RoomReport:
    """Writes every customer's book anew from the stored records; asks no API and changes what differs."""
    counts: dict[str, int] = {}
    for account, build in sorted(ctx.providers.items()):
        if only not in (None, account):
            continue
        with ctx.engine.begin() as connection:
            connection.execute(
                query("landing/mark_every_customer"), {"provider": account[0], "account": account[1]}
            )
        provider = build()
        try:
            written: Mapping[str, int] = normalise_account(ctx, account, provider, None)
        finally:
            provider.close()
        told = ("customers", "events", "changed", "retired", "parked")
        counts |= {f"{':'.join(account)} {name}": written[name] for name in told}
    return RoomReport(room="renormalise", counts=counts)
