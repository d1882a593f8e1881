"""Attribute: who is whom, and which click earned which payment."""

from __future__ import annotations

from datetime import timedelta

from conversion_sync.attribution.attribute import attribute as attribute_events
from conversion_sync.attribution.identify import identify
from conversion_sync.attribution.rules import write_rules
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.context import Context
from conversion_sync.pipeline.report import RoomReport


def attribute(ctx: Context, window: Window) -> RoomReport:
    """Identifies dirty visitors, then attributes dirty events and those of the window."""
    write_rules(ctx.engine, ctx.settings, ctx.catalogues)
    settings = ctx.settings.attribution
    counts = identify(ctx.engine, match_email=ctx.settings.identity.match_email) | attribute_events(
        ctx.engine,
        window,
        models=[model.value for model in settings.models],
        half_life=timedelta(days=settings.half_life_days),
    )
    return RoomReport(room="attribution", counts=counts)
