"""The plain functions the assets call, handed in so that tests can hand in others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sqlalchemy import Engine

from conversion_sync.config.settings import Settings
from conversion_sync.credentials.forecast import Standing
from conversion_sync.delivery.operate import Choice, Decision, Operator
from conversion_sync.model.revenue import Transport
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.context import Account, Context
from conversion_sync.pipeline.operate import OperationReport
from conversion_sync.pipeline.report import DeliveryReport, RoomReport
from conversion_sync.pipeline.settle import SettlementReport
from conversion_sync.reports.status import LawStatus

Room = Callable[[Context, Window], RoomReport]
Deliver = Callable[[Context, Window, str, str], DeliveryReport]


class Operate(Protocol):
    """The shape of `pipeline.operate.operate_on`."""

    def __call__(
        self, ctx: Context, decision: Decision, choice: Choice, by: Operator, *, dry_run: bool
    ) -> OperationReport:
        """Lists what a decision is about, and takes it unless `dry_run`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """One function a room, in the order of the data."""

    pull_billing: Room
    pull_clicks: Room
    normalise: Room
    attribute: Room
    plan: Room
    deliver: Deliver
    unaccounted: Callable[[Engine, Window], int]
    """How many (event, account) pairs of a window do not have exactly one row: 0 is right."""
    land_webhooks: Callable[[Context], RoomReport]
    """Lands what the receiver kept."""
    settle: Callable[[Context, str, str], SettlementReport]
    """Asks after what an ad account took in."""
    operate: Operate
    """Takes a person's decision about rows, or shows what it is about."""
    laws: Callable[[Engine, datetime | None], Sequence[LawStatus]]
    """How the ledger's laws stand for what is newer than a moment."""
    backfill: Callable[[Context, Window, Transport, Account | None], RoomReport]
    """Reads the billing objects of a window again, of one account or of all, and normalises them."""
    renormalise: Callable[[Context, Account | None], RoomReport]
    """Writes every book anew from the stored records."""
    credentials: Callable[[Settings, Engine, datetime], Sequence[Standing]]
    """How access to every ad account stands at a moment."""


def real_rooms() -> Rooms:
    """The product's own."""
    from conversion_sync.credentials.forecast import standings
    from conversion_sync.pipeline.attribute import attribute
    from conversion_sync.pipeline.deliver import deliver
    from conversion_sync.pipeline.history import backfill, renormalise
    from conversion_sync.pipeline.inbox import billing_events, land_webhooks
    from conversion_sync.pipeline.normalise import normalise
    from conversion_sync.pipeline.operate import operate_on
    from conversion_sync.pipeline.plan import plan
    from conversion_sync.pipeline.pull import pull_clicks
    from conversion_sync.pipeline.settle import settle
    from conversion_sync.reports.laws import conservation
    from conversion_sync.reports.status import check_laws

    return Rooms(
        pull_billing=billing_events,
        pull_clicks=pull_clicks,
        normalise=normalise,
        attribute=attribute,
        plan=plan,
        land_webhooks=land_webhooks,
        deliver=deliver,
        settle=settle,
        operate=operate_on,
        unaccounted=lambda engine, window: conservation(engine, window.start, window.end),
        laws=check_laws,
        backfill=backfill,
        renormalise=renormalise,
        credentials=standings,
    )
