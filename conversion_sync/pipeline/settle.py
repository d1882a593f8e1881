"""Settle: what a platform took in earlier is asked after; nothing is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from conversion_sync.delivery.desk import Desk
from conversion_sync.delivery.settle import settle as settle_requests
from conversion_sync.pipeline.context import Context
from conversion_sync.pipeline.deliver import targets
from conversion_sync.store.queries import query


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementReport:
    """What asking after `requests` gave: `rows` by their fate, `reasons` by the platform's own count.

    `awaited` requests are still open afterwards, the `oldest` since then. `refused`: why the platform lets
    nobody ask, in its words.
    """

    platform: str
    account: str
    requests: int
    rows: Mapping[str, int]
    reasons: Mapping[str, int]
    awaited: int
    oldest: datetime | None
    next_poll_at: datetime | None
    refused: str = ""


def settle(ctx: Context, platform: str, account: str) -> SettlementReport:
    """Asks after every request that is due at one account. Never raises for what a platform answered."""
    desk = Desk(
        engine=ctx.engine,
        platform=platform,
        account=account,
        run_id=ctx.run_id,
        targets=targets(ctx.settings, platform, account),
    )
    adapter = ctx.platforms[platform, account]()
    try:
        found = settle_requests(desk, adapter, ctx.clock, ctx.sleep)
    finally:
        adapter.close()
    with ctx.engine.connect() as connection:
        left = connection.execute(query("delivery/awaited"), desk.key).one()
    return SettlementReport(
        platform=platform,
        account=account,
        requests=found.requests,
        rows=dict(sorted(found.rows.items())),
        reasons=dict(sorted(found.reasons.items())),
        awaited=left.requests,
        oldest=left.oldest,
        next_poll_at=left.next_poll_at,
        refused=found.refused,
    )
