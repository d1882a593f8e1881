"""The collector's messages become clicks and identity links, whenever the clicks room runs.

    collector_inbox ──► read ──► click, quarantined_click, identity_link; and out of the inbox

A message leaves the inbox in the transaction that lands it, so that each is landed once, in the order they
came, whatever its hour: what comes late is simply there at the next run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine, Row

from conversion_sync.clicks.collected import EVIDENCE, Identified, Message, Read, read_message
from conversion_sync.clicks.source import ClickPage
from conversion_sync.model.click import COLLECTOR, Click, QuarantinedClick
from conversion_sync.pipeline.land_clicks import land_clicks, lock_clicks
from conversion_sync.store.copy import copy_rows
from conversion_sync.store.partitions import ensure_months
from conversion_sync.store.queries import query

PAGE = 5_000


@dataclass(slots=True)
class Landed:
    """What a run took out of the inbox."""

    read: int = 0
    new: int = 0
    late: int = 0
    identified: int = 0
    quarantined: Counter[str] = field(default_factory=Counter)


def land_collected(engine: Engine, window_start: datetime) -> Landed:
    """Lands everything there is, in pages; a run that dies keeps the pages before."""
    landed = Landed()
    while page := _page(engine):
        read = {row.inbox_id: read_message(_message(row)) for row in page}
        moments = (one.clicked_at for found in read.values() for one in found if isinstance(one, Click))
        ensure_months(engine, "click", moments)
        with engine.begin() as connection:
            lock_clicks(connection)
            taken = connection.scalars(query("landing/take_collected"), {"inbox_ids": [*read]})
            still = sorted(taken)
            landed.read += len(still)
            _land(connection, [one for inbox_id in still for one in read[inbox_id]], window_start, landed)
    return landed


def _page(engine: Engine) -> Sequence[Row[tuple[object, ...]]]:
    with engine.connect() as connection:
        return connection.execute(query("landing/collected_page"), {"page": PAGE}).all()


def _message(row: Row[tuple[object, ...]]) -> Message:
    return Message(
        kind=row.kind,
        received_at=row.received_at,
        visitor_id=row.visitor_id,
        body=row.body,
        user_agent=row.user_agent,
        ip_address=row.ip_address,
    )


def _land(connection: Connection, read: Sequence[Read], window_start: datetime, landed: Landed) -> None:
    page = ClickPage(
        clicks=[one for one in read if isinstance(one, Click)],
        quarantined=[one for one in read if isinstance(one, QuarantinedClick)],
    )
    new, late = land_clicks(connection, page, window_start)
    landed.new, landed.late = landed.new + new, landed.late + late
    landed.quarantined.update(row.reason for row in page.quarantined)
    landed.identified += _link(connection, [one for one in read if isinstance(one, Identified)])


def _link(connection: Connection, identified: Sequence[Identified]) -> int:
    """Links browsers to users; returns how many links are new or newer."""
    if not identified:
        return 0
    connection.execute(query("landing/identify_work_tables"))
    copy_rows(
        connection,
        "staged_identity_link",
        ("from_end", "from_id", "to_end", "to_id", "evidence", "source_ref", "linked_at"),
        (
            ("visitor", one.visitor_id, "user", one.user_id, EVIDENCE, COLLECTOR, one.linked_at)
            for one in identified
        ),
    )
    return int(connection.execute(query("landing/upsert_identity_links")).scalar_one())
