"""The hourly schedule that catches up what it missed, and the sensor for rows that became due.

Dagster's own schedules lose the hours of an outage (specs/dagster.md §0.3), so each tick compares the
last hours with what was materialized and asks for every one that is missing, the newest first, with a
bound on how often an hour is tried.
"""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from conversion_sync.config.settings import Settings
from conversion_sync.model.windows import HOUR, Window, floor_hour
from conversion_sync.orchestration.partitions import key_of, range_tags

RUNNING_VARIABLE = "CONVERSION_SYNC_SCHEDULES"
ATTEMPT_TAG = "conversion_sync/hour"
PRIORITY = "dagster/priority"
SINGLE_RUNS = 3
"""So many of the newest missing hours get a run each; older ones go in ranges."""
HOURS_A_RANGE = 24
UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)


def default_status() -> dg.DefaultScheduleStatus:
    """Stopped unless whoever starts Dagster says otherwise: uploads are nothing to begin by accident."""
    if os.environ.get(RUNNING_VARIABLE) == "running":
        return dg.DefaultScheduleStatus.RUNNING
    return dg.DefaultScheduleStatus.STOPPED


def minute_of(settings: Settings) -> int:
    """The minute past the hour at which the hour before is settled at every billing account."""
    lags = [account.settle_lag_minutes for account in settings.billing.stripe.values()]
    return min(max(lags, default=0) + 1, 59)


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
        keys = [asset.key for asset in assets]
        wanted = missing_hours(context.instance, keys, settings, now)
        tried = {hour: attempts(context.instance, hour) for hour in wanted}
        most = settings.schedule.attempts_per_hour
        ready = [hour for hour, count in tried.items() if count is not None and count < most]
        if not ready:
            return dg.SkipReason(f"No hour of the last {settings.schedule.catch_up_hours} is missing.")
        return [request(window, tried) for window in spans(ready)]

    return hourly


def missing_hours(
    instance: dg.DagsterInstance,
    keys: Sequence[dg.AssetKey],
    settings: Settings,
    now: datetime,
) -> list[datetime]:
    """Hours of the bound that some asset has not materialized, newest first."""
    last = floor_hour(now)
    first = max(settings.start, last - settings.schedule.catch_up_hours * HOUR)
    count = max(int((last - first) / HOUR), 0)
    hours = [last - number * HOUR for number in range(1, count + 1)]
    done = (
        set.intersection(*(set(instance.get_materialized_partitions(key)) for key in keys)) if keys else set()
    )
    return [hour for hour in hours if key_of(hour) not in done]


def attempts(instance: dg.DagsterInstance, hour: datetime) -> int | None:
    """How many runs this schedule made for the hour; None while one is under way."""
    tags = {ATTEMPT_TAG: key_of(hour)}
    under_way = dg.RunsFilter(tags=tags, statuses=list(UNFINISHED))
    if instance.get_runs_count(under_way):
        return None
    return instance.get_runs_count(dg.RunsFilter(tags=tags))


def spans(hours: Sequence[datetime]) -> Iterator[Window]:
    """The newest hours one by one, older neighbours together, newest first."""
    for hour in hours[:SINGLE_RUNS]:
        yield Window(hour, hour + HOUR)
    rest = list(hours[SINGLE_RUNS:])
    while rest:
        end = rest[0] + HOUR
        start = rest.pop(0)
        while rest and rest[0] == start - HOUR and end - rest[0] <= timedelta(hours=HOURS_A_RANGE):
            start = rest.pop(0)
        yield Window(start, end)


def request(window: Window, tried: dict[datetime, int | None]) -> dg.RunRequest:
    """A run for an hour, or for a range of hours. The newest hour goes before backfills."""
    single = window.end - window.start == HOUR
    hour = window.end - HOUR
    number = tried[hour]
    tags = {ATTEMPT_TAG: key_of(hour), PRIORITY: "10" if single else "-1"}
    name = f"{key_of(window.start)}..{key_of(hour)}#{number}"
    if single:
        return dg.RunRequest(run_key=name, partition_key=key_of(hour), tags=tags)
    return dg.RunRequest(run_key=name, tags=tags | range_tags(window))


def due_sensor(settings: Settings, job: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """Asks for a delivery when rows of earlier hours became due or a platform's answer is awaited."""
    running = default_status() is dg.DefaultScheduleStatus.RUNNING

    @dg.sensor(
        name="due",
        job=job,
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING if running else dg.DefaultSensorStatus.STOPPED,
        description="Delivers rows that became due between two hours: aged clicks, retries, confirmations.",
    )
    def due(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        from conversion_sync.store.open import open_database
        from conversion_sync.store.queries import query

        now = datetime.now(UTC)
        since = datetime.fromisoformat(context.cursor) if context.cursor else now - HOUR
        with open_database(settings) as database, database.engine.begin() as connection:
            waiting = connection.execute(
                query("delivery/accounts_with_work"), {"now": now, "since": since}
            ).all()
        context.update_cursor(now.isoformat())
        hour = floor_hour(now) - HOUR
        if not waiting or hour < settings.start:
            return dg.SkipReason("Nothing became due.")
        return dg.RunRequest(run_key=now.isoformat(timespec="minutes"), partition_key=key_of(hour))

    return due
