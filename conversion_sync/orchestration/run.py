"""Runs the assets in this process, against the same instance as the UI: `conversion-sync sync`.

A run a UTC day, so that each shows in the UI with its hours green or red.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import dagster as dg

from conversion_sync.config.settings import Settings
from conversion_sync.model.windows import HOUR, Window
from conversion_sync.orchestration.build import all_assets
from conversion_sync.orchestration.instance import opened, process_tags, reconcile_orphans, write_instance
from conversion_sync.orchestration.partitions import hours, key_of, range_tags
from conversion_sync.orchestration.resources import PIPELINE
from conversion_sync.orchestration.rooms import real_rooms
from conversion_sync.pipeline.build import context as build_context
from conversion_sync.pipeline.context import Context
from conversion_sync.store.open import OpenDatabase


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """One run: its window, its id in the UI, and the assets that failed with what they said.

    `seconds` is how long each asset took.
    """

    window: Window
    run_id: str
    seconds: Mapping[str, float]
    failures: Sequence[tuple[str, str]]

    @property
    def ok(self) -> bool:
        """Whether every asset of the run succeeded."""
        return not self.failures


Progress = Callable[[Window, str], None]
"""Told of every step that begins: the run's window and the asset's name."""


QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""The run's log is in the instance; what a person should see is told by `Progress` and the results."""


def sync(
    settings: Settings, database: OpenDatabase, window: Window, progress: Progress = lambda *_: None
) -> list[DayResult]:
    """Materializes all hours of the window, day by day; goes on after a day that failed."""
    folder = write_instance(settings.home)
    with opened(folder, database.dagster_url) as instance:
        reconcile_orphans(instance)
        assets, _ = all_assets(settings, real_rooms(), hours(settings))
        return [_day(settings, database, instance, assets, day, progress) for day in window.days()]


def _day(
    settings: Settings,
    database: OpenDatabase,
    instance: dg.DagsterInstance,
    assets: Sequence[dg.AssetsDefinition],
    day: Window,
    progress: Progress,
) -> DayResult:
    began: dict[str, float] = {}
    seconds: dict[str, float] = {}

    def tell(entry: dg.EventLogEntry) -> None:
        event = entry.dagster_event
        if event is None or event.step_key is None:
            return
        if event.is_step_start:
            began[event.step_key] = entry.timestamp
            progress(day, event.step_key)
        elif event.is_step_success or event.is_step_failure:
            seconds[event.step_key] = round(entry.timestamp - began[event.step_key], 3)

    @dg.resource
    def at_hand(init: dg.InitResourceContext) -> Context:
        instance.add_event_listener(init.run_id or "", tell)
        return build_context(settings, database.engine, run_id=init.run_id or "local")

    single = day.end - day.start == HOUR
    result = dg.materialize(
        assets,
        run_config=QUIET,
        resources={PIPELINE: at_hand},
        instance=instance,
        partition_key=key_of(day.start) if single else None,
        tags=process_tags() | ({} if single else range_tags(day)),
        raise_on_error=False,
    )
    failures = [
        (event.step_key or "", event.step_failure_data.user_failure_data.description or "")
        if event.step_failure_data.user_failure_data
        else (event.step_key or "", event.step_failure_data.error_display_string)
        for event in result.all_events
        if event.is_step_failure
    ]
    return DayResult(window=day, run_id=result.run_id, seconds=seconds, failures=failures)
