"""Plan: every revenue event gets a row at every ad account, with a state and a reason."""

from __future__ import annotations

from conversion_sync.attribution.rules import write_rules
from conversion_sync.delivery.plan import plan as plan_rows
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.context import Context
from conversion_sync.pipeline.report import RoomReport


def plan(ctx: Context, window: Window) -> RoomReport:
    """Plans dirty events and those of the window."""
    write_rules(ctx.engine, ctx.settings, ctx.catalogues)
    return RoomReport(room="conversions", counts=plan_rows(ctx.engine, window, ctx.clock()))
