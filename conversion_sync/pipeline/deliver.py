"""Deliver: what is due at one ad account leaves, and every hour of the window says how it stands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from conversion_sync.config.settings import Settings, UploadMode
from conversion_sync.credentials.forecast import endings
from conversion_sync.delivery.deliver import deliver as deliver_rows
from conversion_sync.delivery.desk import Desk
from conversion_sync.delivery.tally import Pause
from conversion_sync.delivery.verdicts import asked_delay, passes_by_itself
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.context import Context
from conversion_sync.pipeline.hours import hours, refused_by_check, with_refused
from conversion_sync.pipeline.report import DeliveryReport, HourReport


def deliver(ctx: Context, window: Window, platform: str, account: str) -> DeliveryReport:
    """Delivers one account and reports it. Never raises for what a platform answered."""
    desk = Desk(
        engine=ctx.engine,
        platform=platform,
        account=account,
        run_id=ctx.run_id,
        targets=targets(ctx.settings, platform, account),
        rules=ctx.catalogues[platform, account].rules,
    )
    adapter = ctx.platforms[platform, account]()
    began = ctx.clock()
    try:
        tally = deliver_rows(desk, adapter, window, ctx.settings.upload_mode, ctx.clock, ctx.sleep)
    finally:
        adapter.close()
    stop = tally.stopped
    delay = asked_delay(adapter.catalogue, stop.code, stop.retry_after) if stop else None
    refused = tuple(refused_by_check(row, answer) for row, answer in tally.refused)
    return DeliveryReport(
        platform=platform,
        account=account,
        mode=ctx.settings.upload_mode.value,
        requests=tally.requests,
        outcomes=dict(tally.outcomes),
        settlements=dict(tally.settlements),
        hours=with_refused(hour_reports(ctx, window, platform, account, began), refused),
        stopped=f"{stop.code} {stop.text}".strip() if stop else "",
        stop_is_transient=stop is not None and passes_by_itself(stop.outcome, adapter.catalogue),
        remedy=stop.remedy if stop else "",
        retry_after=_remaining(ctx, tally.pause) if tally.pause else delay.total_seconds() if delay else None,
        pause=tally.pause,
        recovered_in_doubt=tally.recovered,
        refused=refused,
        endings=endings(
            ctx.engine,
            adapter.catalogue,
            (platform, account),
            ctx.settings.platforms[platform][account],
            began,
        ),
    )


def _remaining(ctx: Context, pause: Pause) -> float:
    """Seconds until an account that is left alone is asked again."""
    return max((pause.until - ctx.clock()).total_seconds(), 0.0)


def hour_reports(
    ctx: Context, window: Window, platform: str, account: str, began: datetime
) -> tuple[HourReport, ...]:
    """How each hour of the window stands at one account after a delivery, from the ledger."""
    live = ctx.settings.upload_mode is UploadMode.LIVE
    return hours(ctx.engine, window, platform, account, since=began, now=ctx.clock(), live=live)


def targets(settings: Settings, platform: str, account: str) -> Mapping[str, Mapping[str, str]]:
    """What each action is called at one account."""
    named = {name: action.targets[platform].get(account) for name, action in settings.actions.items()}
    return {name: target.model_dump(mode="json") for name, target in named.items() if target is not None}
