"""The schedule catches up what an outage lost, with bounds, and never asks for what is under way."""

from __future__ import annotations

from datetime import timedelta

import dagster as dg
import pytest

from conversion_sync.orchestration.schedules import ATTEMPT_TAG
from tests.orchestration.conftest import START, Script, definitions, run, window

TICK = START + timedelta(hours=20, minutes=1)


def requests(settings, instance) -> list[dg.RunRequest]:
    defs = definitions(settings, Script())
    repository = defs.get_repository_def()
    schedule = repository.get_schedule_def("hourly")
    context = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=TICK, repository_def=repository
    )
    return list(schedule.evaluate_tick(context).run_requests or [])


def hours_of(requested: list[dg.RunRequest]) -> list[tuple[str, str]]:
    return [
        (
            request.partition_key or request.tags["dagster/asset_partition_range_start"],
            request.partition_key or request.tags["dagster/asset_partition_range_end"],
        )
        for request in requested
    ]


@pytest.fixture
def synced(settings, instance):
    """Hours 0 to 7 were synced, then everything stood still until hour 20."""
    run(settings, Script(), instance, window(0, 8))
    return instance


def test_an_outage_of_twelve_hours_is_caught_up_newest_hour_first(settings, synced) -> None:
    assert hours_of(requests(settings, synced)) == [
        ("2026-11-01-19:00", "2026-11-01-19:00"),
        ("2026-11-01-18:00", "2026-11-01-18:00"),
        ("2026-11-01-17:00", "2026-11-01-17:00"),
        ("2026-11-01-08:00", "2026-11-01-16:00"),
    ]


def test_the_live_hour_goes_before_the_backlog(settings, synced) -> None:
    live, *_, backlog = requests(settings, synced)
    assert int(live.tags["dagster/priority"]) > int(backlog.tags["dagster/priority"])


def test_an_hour_that_failed_is_asked_for_again_but_not_for_ever(settings, instance) -> None:
    run(settings, Script(), instance, window(0, 19))
    keys = []
    for _ in range(settings.schedule.attempts_per_hour + 1):
        requested = requests(settings, instance)
        keys += [request.run_key for request in requested]
        for request in requested:
            instance.create_run_for_job(
                job_def=definitions(settings, Script()).get_job_def("hourly_sync"),
                tags=dict(request.tags),
                status=dg.DagsterRunStatus.FAILURE,
            )
    assert keys == [f"2026-11-01-19:00..2026-11-01-19:00#{number}" for number in range(3)]


def test_an_hour_under_way_is_not_asked_for_twice(settings, instance) -> None:
    run(settings, Script(), instance, window(0, 19))
    instance.create_run_for_job(
        job_def=definitions(settings, Script()).get_job_def("hourly_sync"),
        tags={ATTEMPT_TAG: "2026-11-01-19:00"},
        status=dg.DagsterRunStatus.STARTED,
    )
    assert requests(settings, instance) == []


def test_nothing_runs_unless_somebody_switched_it_on(settings) -> None:
    schedule = definitions(settings, Script()).get_schedule_def("hourly")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED


def test_hours_before_the_bound_are_left_to_a_backfill(settings, instance) -> None:
    bounded = settings.model_copy(
        update={"schedule": settings.schedule.model_copy(update={"catch_up_hours": 2})}
    )
    assert hours_of(requests(bounded, instance)) == [
        ("2026-11-01-19:00", "2026-11-01-19:00"),
        ("2026-11-01-18:00", "2026-11-01-18:00"),
    ]
