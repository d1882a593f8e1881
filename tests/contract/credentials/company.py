"""A customer who pays, and the way of the payment to the sandbox's platforms, on a real database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from sqlalchemy import Engine

from conversion_sync.config.settings import Settings
from conversion_sync.model.click import ClickIdKind
from conversion_sync.model.revenue import EventKind
from conversion_sync.model.windows import HOUR, Window, floor_hour
from conversion_sync.orchestration.build import build
from conversion_sync.orchestration.partitions import key_of
from conversion_sync.orchestration.resources import PIPELINE
from conversion_sync.orchestration.rooms import real_rooms
from conversion_sync.orchestration.uploads import asset_name
from conversion_sync.pipeline.attribute import attribute
from conversion_sync.pipeline.build import context
from conversion_sync.pipeline.context import Context
from conversion_sync.pipeline.plan import plan
from tests.integration import world


@dataclass(frozen=True, kw_only=True)
class Company:
    """`now` is when the test began; payments are of whole hours before."""

    settings: Settings
    engine: Engine
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def window(self, hours_ago: int) -> Window:
        """A whole hour of payments."""
        hour = floor_hour(self.now - hours_ago * HOUR)
        return Window(hour, hour + HOUR)

    def context(self, run_id: str = "run") -> Context:
        """As a run that begins now has it."""
        return context(self.settings, self.engine, run_id=run_id)

    def visit(self, ids: dict[ClickIdKind, str]) -> None:
        """The customer clicks on ads, a day before."""
        world.land(self.engine, world.click("web", timedelta(days=1), ids=ids))
        world.link(self.engine, "visitor", "v1", "customer", world.CUSTOMER)

    def pay(self, **hours_ago: int) -> None:
        """The customer pays, so many hours ago by the payment's name, and every platform's row is planned."""
        for key, hours in hours_ago.items():
            at = self.window(hours).start + timedelta(minutes=10)
            world.event(self.engine, key, EventKind.FIRST_PAYMENT, world.NOW - at, net=1990)
        ctx = self.context()
        whole = Window(self.now - timedelta(days=30), self.now)
        attribute(ctx, whole)
        plan(ctx, whole)

    def upload(
        self, instance: dg.DagsterInstance, *platforms: str, hours_ago: int = 2
    ) -> dg.ExecuteInProcessResult:
        """One run of these platforms' uploads for an hour, as the schedule asks for it."""

        @dg.resource
        def at_hand(init: dg.InitResourceContext) -> Context:
            return self.context(init.run.run_id if init.run else "run")

        defs = build(self.settings, real_rooms(), {PIPELINE: at_hand})
        return dg.materialize(
            [asset for asset in defs.assets or () if isinstance(asset, dg.AssetsDefinition)],
            selection=[asset_name(platform, "main") for platform in platforms],
            resources=defs.resources,
            instance=instance,
            partition_key=key_of(self.window(hours_ago).start),
            raise_on_error=False,
        )

    def states(self) -> list[tuple[Any, ...]]:
        """Each row's platform, event, state and reason."""
        return world.rows(
            self.engine,
            "select platform, event_key, state, reason from conversion order by platform, event_key",
        )
