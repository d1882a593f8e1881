"""The hourly schedule, and the sensor for rows that became due."""

import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from conversion_sync.config.settings import Settings, UploadMode
from conversion_sync.model.windows import HOUR, Window, floor_hour
from conversion_sync.orchestration.catch_up import ASKED_TAG, backlog, spans
from conversion_sync.orchestration.failures import scrubbed
from conversion_sync.orchestration.partitions import key_of, range_tags

log = logging.getLogger(__name__)

RUNNING_VARIABLE = "CONVERSION_SYNC_SCHEDULES"
PRIORITY = "dagster/priority"
LAST_SYNC = timedelta(minutes=10)
"""The due rows are delivered under the last hour whose own sync began that long ago."""


def default_status() -> dg.DefaultScheduleStatus:
    """Stopped unless whoever starts Dagster says otherwise: uploads are nothing to begin by accident."""
    if os.environ.get(RUNNING_VARIABLE) == "running":
        return dg.DefaultScheduleStatus.RUNNING
    return dg.DefaultScheduleStatus.STOPPED


def sensor_status() -> dg.DefaultSensorStatus:
    """The same for sensors."""
    return dg.DefaultSensorStatus[default_status().name]


def minute_of(settings: Settings) -> int:
    """The minute past the hour at which another hour is settled at every billing account."""
    return (int(settings.settle_lag / timedelta(minutes=1)) + 1) % 60


def hourly_schedule(
    settings: Settings,
    job: UnresolvedAssetJobDefinition,
    assets: Sequence[dg.AssetsDefinition],
) -> dg.ScheduleDefinition:
    """Every hour, for every missing hour of the last `catch_up_hours`."""

    @dg.schedule(
        name="hourly",
        job=job,
        cron_schedule=f"{minute_of(settings)} * * * *",
        execution_timezone="UTC",
        default_status=default_status(),
        description="Syncs the last hour and catches up hours that are missing or failed.",
    )
    def hourly(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        now = context.scheduled_execution_time.astimezone(UTC)
        found = backlog(context.instance, assets, settings, now)
        if not found.ready:
            nothing = f"No hour of the last {settings.schedule.catch_up_hours} is missing."
            said = found.said()
            return dg.SkipReason(f"Nothing to ask for now: {said}." if said else nothing)
        return [request(window, now) for window in spans(found.ready)]

    return hourly


def request(window: Window, now: datetime) -> dg.RunRequest:
    """A run for an hour, or for a range of hours. Single hours are the newest and go before backfills.

    The tick is part of the key: an hour may be asked for again, a tick asks once.
    """
    single = window.end - window.start == HOUR
    tags = {ASKED_TAG: now.isoformat(), PRIORITY: "10" if single else "-1"}
    name = f"{key_of(window.start)}..{key_of(window.end - HOUR)}@{now:%Y-%m-%d-%H:%M}"
    if single:
        return dg.RunRequest(run_key=name, partition_key=key_of(window.start), tags=tags)
    return dg.RunRequest(run_key=name, tags=tags | range_tags(window))


def due_sensor(settings: Settings, job: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """Asks for a delivery when rows of earlier hours became due or a platform's answer is awaited."""

    @dg.sensor(
        name="due",
        job=job,
        minimum_interval_seconds=300,
        default_status=sensor_status(),
        description="Delivers rows that became due between two hours: aged clicks, retries, confirmations.",
    )
    def due(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        from conversion_sync.store.open import open_database
        from conversion_sync.store.queries import query

        if settings.upload_mode is not UploadMode.LIVE:
            return dg.SkipReason("Uploads are not live: nothing leaves, whatever became due.")
        now = datetime.now(UTC)
        since = datetime.fromisoformat(context.cursor) if context.cursor else now - HOUR
        with (
            scrubbed(log, "the daemon's log"),
            open_database(settings) as database,
            database.engine.begin() as connection,
        ):
            waiting = connection.execute(
                query("delivery/accounts_with_work"), {"now": now, "since": since}
            ).all()
        context.update_cursor(now.isoformat())
        hour = floor_hour(now - settings.settle_lag - LAST_SYNC) - HOUR
        if not waiting or hour < settings.start:
            return dg.SkipReason("Nothing became due.")
        return dg.RunRequest(run_key=now.isoformat(timespec="minutes"), partition_key=key_of(hour))

    return due
