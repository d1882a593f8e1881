"""Runs the assets in this process, against the same instance as the UI: `conversion-sync sync`.

A run a UTC day, so that each shows in the UI with its hours green or red.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.execution.plan.objects import StepFailureData

from conversion_sync.config.settings import Settings
from conversion_sync.model.windows import HOUR, Window
from conversion_sync.orchestration.build import build
from conversion_sync.orchestration.instance import opened, process_tags, reconcile_orphans, write_instance
from conversion_sync.orchestration.jobs import HOURLY_SYNC
from conversion_sync.orchestration.partitions import key_of, range_tags
from conversion_sync.orchestration.resources import PIPELINE
from conversion_sync.orchestration.uploads import ACCEPTED, DOUBTED, WAITING
from conversion_sync.pipeline.build import context as build_context
from conversion_sync.pipeline.context import Context
from conversion_sync.redaction import redact
from conversion_sync.store.open import OpenDatabase


@dataclass(frozen=True, slots=True, kw_only=True)
class DayResult:
    """One run: its window, its id in the UI, and the assets that failed with what they said.

    `seconds` is how long each asset took. `warnings` are assets that succeeded and tell of rows that
    need a look; `doubts` how many rows this run left to a person, as an answer made no sense.
    """

    window: Window
    run_id: str
    seconds: Mapping[str, float]
    failures: Sequence[tuple[str, str]]
    warnings: Sequence[tuple[str, str]] = ()
    doubts: int = 0

    @property
    def ok(self) -> bool:
        """Whether every asset of the run succeeded, and no row was left in doubt."""
        return not self.failures and not self.doubts


Progress = Callable[[Window, str], None]
"""Told of every step that begins: the run's window and the asset's name."""


MOST_WORDS = 300
"""Characters of a fault nobody foresaw."""
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""The run's log is in the instance; what a person should see is told by `Progress` and the results."""


def sync(
    settings: Settings, database: OpenDatabase, window: Window, progress: Progress = lambda *_: None
) -> list[DayResult]:
    """Runs `hourly_sync` for all hours of the window, day by day; goes on after a day that failed."""
    folder = write_instance(settings.home)
    with opened(folder, database.dagster_url) as instance:
        reconcile_orphans(instance)
        watch = _Watch(progress)

        @dg.resource
        def at_hand(init: dg.InitResourceContext) -> Context:
            instance.add_event_listener(init.run_id or "", watch.see)
            return build_context(settings, database.engine, run_id=init.run_id or "local")

        job = build(settings, resources={PIPELINE: at_hand}).resolve_job_def(HOURLY_SYNC)
        return [_day(job, instance, watch, day) for day in window.days()]


@dataclass(slots=True)
class _Watch:
    """Follows the steps of the day at work."""

    progress: Progress
    day: Window | None = None
    began: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def turn_to(self, day: Window) -> None:
        """Begins a day."""
        self.day, self.began, self.seconds = day, {}, {}

    def see(self, entry: dg.EventLogEntry) -> None:
        """Takes note of a step's beginning and end."""
        event = entry.dagster_event
        if event is None or event.step_key is None or self.day is None:
            return
        if event.is_step_start:
            self.began[event.step_key] = entry.timestamp
            self.progress(self.day, event.step_key)
        elif event.is_step_success or event.is_step_failure:
            self.seconds[event.step_key] = round(entry.timestamp - self.began[event.step_key], 3)


def _day(job: dg.JobDefinition, instance: dg.DagsterInstance, watch: _Watch, day: Window) -> DayResult:
    watch.turn_to(day)
    single = day.end - day.start == HOUR
    result = job.execute_in_process(
        run_config=QUIET,
        instance=instance,
        partition_key=key_of(day.start) if single else None,
        tags=process_tags() | ({} if single else range_tags(day)),
        raise_on_error=False,
    )
    failures = [
        (event.step_key or "", _said(event.step_failure_data, result.run_id))
        for event in result.all_events
        if event.is_step_failure
    ]
    failed = {step for step, _ in failures}
    notes = [
        check
        for check in result.get_asset_check_evaluations()
        if check.check_name == ACCEPTED and not check.passed and _name(check) not in failed
    ]
    return DayResult(
        window=day,
        run_id=result.run_id,
        seconds=watch.seconds,
        failures=failures,
        warnings=[(_name(check), check.description or "") for check in notes],
        doubts=sum(min(_count(check, DOUBTED), _count(check, WAITING)) for check in notes),
    )


def _said(failure: StepFailureData, run_id: str) -> str:
    """What a failed step says to people; of a fault nobody foresaw its first line, not its trace."""
    if failure.user_failure_data:
        return failure.user_failure_data.description or ""
    fault = failure.error
    while fault is not None and fault.cause is not None:
        fault = fault.cause
    first = redact(fault.message).strip().splitlines()[:1] if fault is not None else []
    return (
        f"unexpected {first[0][:MOST_WORDS] if first else 'fault'} "
        f"Remedy: report it with the trace in the log of run {run_id} (conversion-sync ui); "
        "running again is safe."
    )


def _name(check: dg.AssetCheckEvaluation) -> str:
    return check.asset_key.to_user_string()


def _count(check: dg.AssetCheckEvaluation, name: str) -> int:
    return int(str(check.metadata[name].value))
