"""Which hours the hourly schedule asks for: missing or failed, settled, not under way, due for a try.

Dagster's own schedules lose the hours of an outage (specs/dagster.md §0.3), so each tick compares the
last hours with what was materialized. An hour that failed is tried again with growing pauses until
`catch_up_hours` end: an outage of any length inside them costs no hour, and a bounded number of runs.
An hour whose assets failed in a way no run can mend is left to a person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg

from conversion_sync.config.settings import Schedule, Settings
from conversion_sync.model.windows import HOUR, Window, floor_hour
from conversion_sync.orchestration.failures import FOR_GOOD_TAG
from conversion_sync.orchestration.jobs import DELIVER_DUE
from conversion_sync.orchestration.partitions import covered, hour_of, key_of

ASKED_TAG = "conversion_sync/asked_at"
"""On every run the schedule asks for: the tick, which is what the pauses are counted from."""
PAUSES = 12
"""The longest pause is this part of `catch_up_hours`, so that an hour's last try is near their end."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SINGLE_RUNS = 3
"""So many of the newest hours get a run each; older ones go in ranges."""
HOURS_A_RANGE = 24
UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
FAILED = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """The hours that are not synced, newest first, by what happens to them.

    `waiting` has the moment from which the hour is tried again.
    """

    ready: Sequence[datetime] = ()
    under_way: Sequence[datetime] = ()
    waiting: Mapping[datetime, datetime] = field(default_factory=dict)
    for_good: Sequence[datetime] = ()

    def said(self) -> str:
        """Why nothing is asked for of hours that are missing; empty when none are."""
        parts = []
        if self.under_way:
            parts.append(f"{_hours(self.under_way)} under way")
        if self.waiting:
            again = f"{min(self.waiting.values()):%Y-%m-%d %H:%M} UTC"
            parts.append(f"{_hours(self.waiting)} failed, to be tried again from {again} on")
        if self.for_good:
            parts.append(
                f"{_hours(self.for_good)} failed in a way no run can mend (look at "
                f"{', '.join(key_of(hour) for hour in self.for_good[:5])})"
            )
        return "; ".join(parts)


@dataclass(slots=True)
class _Tries:
    """What is known of an hour's failed runs: how many the schedule asked for, and the newest of all."""

    failures: int = 0
    asked_at: datetime = EPOCH
    for_good: frozenset[str] | None = None


def backlog(
    instance: dg.DagsterInstance,
    assets: Sequence[dg.AssetsDefinition],
    settings: Settings,
    now: datetime,
) -> Backlog:
    """How the hours stand at the tick `now`. Two storage queries an asset, and two about runs."""
    missing = missing_assets(instance, assets, settled_hours(settings, now))
    if not missing:
        return Backlog()
    under_way = hours_under_way(instance)
    tries = _tries(instance, missing, since=min(missing))
    parents = {spec.key: {dep.asset_key for dep in spec.deps} for asset in assets for spec in asset.specs}
    found: dict[str, list[datetime]] = {"ready": [], "under_way": [], "for_good": []}
    waiting: dict[datetime, datetime] = {}
    for hour, keys in missing.items():
        first = {key.to_user_string() for key in keys if not parents[key] & keys}
        tried = tries[hour]
        if hour in under_way:
            found["under_way"].append(hour)
        elif tried.for_good is not None and first <= tried.for_good:
            found["for_good"].append(hour)
        elif (again := next_try(tried.failures, tried.asked_at, settings.schedule)) > now:
            waiting[hour] = again
        else:
            found["ready"].append(hour)
    return Backlog(**found, waiting=waiting)


def settled_hours(settings: Settings, now: datetime) -> list[datetime]:
    """The hours of the bound whose events are complete at every billing account, newest first."""
    last = floor_hour(now - settings.settle_lag)
    first = max(settings.start, last - settings.schedule.catch_up_hours * HOUR)
    count = max(int((last - first) / HOUR), 0)
    return [last - number * HOUR for number in range(1, count + 1)]


def missing_assets(
    instance: dg.DagsterInstance, assets: Sequence[dg.AssetsDefinition], hours: Sequence[datetime]
) -> dict[datetime, set[dg.AssetKey]]:
    """Of each hour the assets that have not materialized it, or whose last attempt at it failed."""
    names = {key_of(hour) for hour in hours}
    found: dict[datetime, set[dg.AssetKey]] = {}
    if not names:
        return found
    storage = instance.event_log_storage
    done = {}
    for key in (asset.key for asset in assets):
        made, planned = (
            storage.get_latest_storage_id_by_partition(key, kind, partitions=names)
            for kind in (
                dg.DagsterEventType.ASSET_MATERIALIZATION,
                dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
            )
        )
        done[key] = {name for name, number in made.items() if number > planned.get(name, 0)}
    for hour in hours:
        keys = {key for key in done if key_of(hour) not in done[key]}
        if keys:
            found[hour] = keys
    return found


def hours_under_way(instance: dg.DagsterInstance) -> set[datetime]:
    """Hours some run is about that has not ended: the schedule's, a backfill's, a person's."""
    runs = instance.get_runs(dg.RunsFilter(statuses=UNFINISHED))
    return {hour for run in runs if run.job_name != DELIVER_DUE for hour in covered(run.tags)}


def _tries(
    instance: dg.DagsterInstance, hours: Iterable[datetime], since: datetime
) -> Mapping[datetime, _Tries]:
    found = {hour: _Tries() for hour in hours}
    runs = instance.get_runs(dg.RunsFilter(statuses=FAILED, created_after=since))
    for run in runs:  # newest first
        asked = run.tags.get(ASKED_TAG)
        for hour in covered(run.tags):
            tried = found.get(hour)
            if tried is None:
                continue
            if tried.for_good is None:
                tried.for_good = _for_good(run.tags, hour)
            if asked is not None:
                tried.failures += 1
                tried.asked_at = max(tried.asked_at, datetime.fromisoformat(asked))
    return found


def _for_good(tags: Mapping[str, str], hour: datetime) -> frozenset[str]:
    """The assets at which a run found that no run can mend the hour."""
    return frozenset(
        name.removeprefix(FOR_GOOD_TAG)
        for name, hours in tags.items()
        if name.startswith(FOR_GOOD_TAG) and hour in map(hour_of, hours.split(","))
    )


def next_try(failures: int, asked_at: datetime, schedule: Schedule) -> datetime:
    """From when on an hour that failed so often, last asked for then, is tried again.

    A pause ends at a multiple of itself, so that the hours of an outage come due together, as ranges.
    """
    wait = pause(failures, schedule)
    return asked_at - (asked_at - EPOCH) % wait + wait if failures else asked_at


def pause(failures: int, schedule: Schedule) -> timedelta:
    """An hour for the first `attempts_per_hour` tries, then twice as long each time, up to a bound."""
    longest = max(schedule.catch_up_hours // PAUSES, 1)
    doublings = max(failures - schedule.attempts_per_hour + 1, 0)
    return HOUR * min(1 << doublings, longest)


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


def _hours(hours: Iterable[datetime]) -> str:
    count = len(list(hours))
    return f"{count} hour{'' if count == 1 else 's'}"
