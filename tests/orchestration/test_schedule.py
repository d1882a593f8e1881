"""The schedule catches up what an outage lost, with bounds, and never asks for what is under way."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import dagster as dg
import pytest

from conversion_sync.config.settings import Schedule, Settings
from conversion_sync.errors import ConfigurationError, PermanentError
from conversion_sync.model.windows import HOUR, Window
from conversion_sync.orchestration.catch_up import covered, next_try
from conversion_sync.orchestration.partitions import key_of, range_tags
from conversion_sync.orchestration.schedules import minute_of
from tests.orchestration.conftest import START, Script, definitions, instance_in, run, window

MINUTE = timedelta(minutes=1)
TICK = START + 20 * HOUR + MINUTE
FAILURE, NOT_STARTED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.NOT_STARTED
STARTED, CANCELING = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING


class Clockwork:
    """The hourly schedule at the ticks a test names, and runs that end as it says."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.repository = definitions(settings, Script()).get_repository_def()
        self.schedule = self.repository.get_schedule_def("hourly")

    def tick(self, at: datetime = TICK) -> list[dg.RunRequest]:
        return list(self._evaluate(at).run_requests or [])

    def skipped(self, at: datetime = TICK) -> str:
        found = self._evaluate(at)
        assert not found.run_requests
        return found.skip_message or ""

    def _evaluate(self, at: datetime):
        context = dg.build_schedule_context(
            instance=self.instance, scheduled_execution_time=at, repository_def=self.repository
        )
        return self.schedule.evaluate_tick(context)

    def add_run(self, tags: dict[str, str], status: dg.DagsterRunStatus, job: str = "hourly_sync") -> None:
        self.instance.add_run(dg.DagsterRun(job_name=job, run_id=str(uuid.uuid4()), tags=tags, status=status))

    def end(self, requested: Sequence[dg.RunRequest], status: dg.DagsterRunStatus = FAILURE) -> None:
        for each in requested:
            self.add_run(dict(each.tags), status)


def hours_of(requested: Sequence[dg.RunRequest]) -> list[tuple[str, str]]:
    return [
        (
            request.partition_key or request.tags["dagster/asset_partition_range_start"],
            request.partition_key or request.tags["dagster/asset_partition_range_end"],
        )
        for request in requested
    ]


def asked(requested: Sequence[dg.RunRequest]) -> set[datetime]:
    return {hour for request in requested for hour in covered(request.tags)}


@pytest.fixture(scope="session")
def synced_hours(settings, tmp_path_factory) -> Callable[[int], Path]:
    """Makes the folder of an instance in which the first so many hours were synced, once each."""

    @cache
    def make(hours: int) -> Path:
        folder = tmp_path_factory.mktemp(f"synced_{hours}")
        with instance_in(folder) as instance:
            run(settings, Script(), instance, window(0, hours))
        return folder

    return make


@pytest.fixture
def synced(synced_hours, tmp_path):
    """Hours 0 to 7 were synced, then everything stood still until hour 20."""
    with instance_in(shutil.copytree(synced_hours(8), tmp_path / "synced")) as instance:
        yield instance


@pytest.fixture
def up_to_date(synced_hours, tmp_path):
    """Every hour but the last was synced."""
    with instance_in(shutil.copytree(synced_hours(19), tmp_path / "up_to_date")) as instance:
        yield instance


@pytest.fixture
def clockwork(settings, request) -> Clockwork:
    """The schedule on the instance the test asks for."""
    named = next(name for name in ("synced", "up_to_date", "instance") if name in request.fixturenames)
    return Clockwork(settings, request.getfixturevalue(named))


def test_an_outage_of_twelve_hours_is_caught_up_newest_hour_first(clockwork, synced) -> None:
    assert hours_of(clockwork.tick()) == [
        ("2026-11-01-19:00", "2026-11-01-19:00"),
        ("2026-11-01-18:00", "2026-11-01-18:00"),
        ("2026-11-01-17:00", "2026-11-01-17:00"),
        ("2026-11-01-08:00", "2026-11-01-16:00"),
    ]


def test_the_live_hour_goes_before_the_backlog(clockwork, synced) -> None:
    live, *_, backlog = clockwork.tick()
    assert int(live.tags["dagster/priority"]) > int(backlog.tags["dagster/priority"])


def test_an_hour_that_fails_is_tried_with_growing_pauses_until_the_bound_ends() -> None:
    schedule, tried, asked_at = Schedule(catch_up_hours=72, attempts_per_hour=3), [], TICK
    for number in range(72):
        tick = TICK + number * HOUR
        if tick >= next_try(len(tried), asked_at, schedule):
            tried, asked_at = [*tried, number], tick
    assert tried == [0, 1, 2, 4, 8, 10, 16, 22, 28, 34, 40, 46, 52, 58, 64, 70]


@pytest.mark.parametrize(("hours", "attempts"), [(72, 3), (24, 1), (720, 20), (1, 1)])
def test_the_last_try_is_near_the_bounds_end_and_the_tries_are_few(hours: int, attempts: int) -> None:
    schedule = Schedule(catch_up_hours=hours, attempts_per_hour=attempts)
    tries = [TICK]
    while (again := next_try(len(tries), tries[-1], schedule)) < TICK + hours * HOUR:
        tries.append(again)
    assert TICK + hours * HOUR - tries[-1] <= max(hours / 12, 1) * HOUR
    assert len(tries) <= attempts + 12 + 6


def test_an_outage_longer_than_a_day_costs_no_hour_and_few_runs(clockwork, synced) -> None:
    made = 0
    for number in range(14):
        requested = clockwork.tick(TICK + number * HOUR)
        made += len(requested)
        clockwork.end(requested)
    later = [clockwork.tick(TICK + number * HOUR) for number in range(14, 20)]
    lost = {START + number * HOUR for number in range(8, 34)}
    assert lost <= {hour for requested in later for hour in asked(requested)}
    assert made <= 6 * 14


def test_every_hour_of_a_range_that_failed_has_had_its_try(clockwork, synced) -> None:
    clockwork.end(clockwork.tick())
    at_once = clockwork.tick(TICK + MINUTE)
    an_hour_later = clockwork.tick(TICK + HOUR)
    assert at_once == []
    assert asked(an_hour_later) == {START + number * HOUR for number in range(8, 21)}


def test_what_waits_is_said_with_its_time(clockwork, synced) -> None:
    clockwork.end(clockwork.tick())
    assert clockwork.skipped(TICK + MINUTE) == (
        "Nothing to ask for now: 12 hours failed, to be tried again from 2026-11-01 21:00 UTC on."
    )


def test_an_hour_under_way_is_not_asked_for_twice(clockwork, up_to_date) -> None:
    clockwork.add_run({"dagster/partition": "2026-11-01-19:00"}, STARTED)
    assert clockwork.skipped() == "Nothing to ask for now: 1 hour under way."


def test_no_hour_of_a_range_under_way_is_asked_for(clockwork, synced) -> None:
    clockwork.end(clockwork.tick(), STARTED)
    assert hours_of(clockwork.tick(TICK + HOUR)) == [("2026-11-01-20:00", "2026-11-01-20:00")]


@pytest.mark.parametrize("status", [NOT_STARTED, STARTED, CANCELING])
def test_a_backfill_somebody_started_keeps_its_hours(clockwork, synced, status) -> None:
    clockwork.add_run({**range_tags(window(8, 6)), "dagster/backfill": "b1"}, status)
    clockwork.add_run({"dagster/partition": "2026-11-01-15:00", "dagster/backfill": "b2"}, status)
    assert asked(clockwork.tick()) == {START + number * HOUR for number in (14, 16, 17, 18, 19)}


def test_a_delivery_of_due_rows_or_a_run_about_no_hour_keeps_nothing(clockwork, up_to_date) -> None:
    clockwork.add_run({"dagster/partition": "2026-11-01-19:00"}, STARTED, job="deliver_due")
    clockwork.add_run({"dagster/partition": "north"}, STARTED)
    clockwork.add_run({}, STARTED)
    assert hours_of(clockwork.tick()) == [("2026-11-01-19:00", "2026-11-01-19:00")]


def test_an_hour_that_turned_red_after_it_was_green_is_asked_for(settings, clockwork, up_to_date) -> None:
    run(settings, Script(hours=lambda _: {"left": 1}), up_to_date, window(5))
    assert asked(clockwork.tick()) == {START + 5 * HOUR, START + 19 * HOUR}


@pytest.mark.parametrize(
    "script",
    [
        Script(hours=lambda _: {"settled": 1, "rejected": 9}),
        Script(fault=PermanentError("It is refused.", remedy="Report it.")),
    ],
    ids=["refused rows", "a call that can never succeed"],
)
def test_what_no_run_can_mend_is_left_to_a_person(settings, clockwork, up_to_date, script) -> None:
    run(settings, script, up_to_date, window(19))
    assert clockwork.skipped() == (
        "Nothing to ask for now: 1 hour failed in a way no run can mend (look at 2026-11-01-19:00)."
    )


def test_one_hour_of_a_range_beyond_mending_does_not_keep_the_others(settings, clockwork, synced) -> None:
    hopeless = START + 17 * HOUR
    books = lambda hour: {"settled": 1, "rejected": 9} if hour == hopeless else {"left": 1}  # noqa: E731
    run(settings, Script(hours=books), synced, window(16, 4))
    assert asked(clockwork.tick()) == {START + number * HOUR for number in (*range(8, 17), 18, 19)}


@pytest.mark.parametrize(
    "script",
    [
        Script(hours=lambda _: {"left": 1}),
        Script(hours=lambda _: {"held": 1}),
        Script(hours=lambda _: {"left": 1, "settled": 1, "rejected": 9}),
        Script(fault=ConfigurationError("The key is refused.", remedy="Make a new one.")),
    ],
    ids=["rows left", "rows held", "rows left and refused", "a refused key"],
)
def test_what_a_run_can_mend_is_asked_for(settings, clockwork, up_to_date, script) -> None:
    run(settings, script, up_to_date, window(19))
    assert hours_of(clockwork.tick()) == [("2026-11-01-19:00", "2026-11-01-19:00")]


def test_no_storage_is_asked_more_when_more_hours_are_missing(clockwork, synced, monkeypatch) -> None:
    questions = []
    for storage, name in (
        (synced.event_log_storage, "get_latest_storage_id_by_partition"),
        (synced.run_storage, "get_runs"),
    ):
        monkeypatch.setattr(type(storage), name, counted(getattr(type(storage), name), questions))
    clockwork.tick(START + 9 * HOUR + MINUTE)
    few = len(questions)
    clockwork.tick(START + 60 * HOUR + MINUTE)
    assert (few, len(questions)) == (2 * 7 + 2, 2 * few)


def counted(question, questions: list[object]):
    def ask(*args, **kwargs):
        questions.append(question)
        return question(*args, **kwargs)

    return ask


def test_nothing_is_said_to_be_missing_when_nothing_is(clockwork, up_to_date) -> None:
    assert clockwork.skipped(TICK - HOUR) == "No hour of the last 72 is missing."


def test_nothing_runs_unless_somebody_switched_it_on(settings) -> None:
    schedule = definitions(settings, Script()).get_schedule_def("hourly")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED


def test_hours_before_the_bound_are_left_to_a_backfill(settings, instance) -> None:
    bounded = settings.model_copy(
        update={"schedule": settings.schedule.model_copy(update={"catch_up_hours": 2})}
    )
    assert hours_of(Clockwork(bounded, instance).tick()) == [
        ("2026-11-01-19:00", "2026-11-01-19:00"),
        ("2026-11-01-18:00", "2026-11-01-18:00"),
    ]


def lagging(settings: Settings, *minutes: int) -> Settings:
    accounts = {
        f"a{number}": {"api_key": "k", "settle_lag_minutes": lag} for number, lag in enumerate(minutes)
    }
    billing = type(settings.billing).model_validate({"stripe": accounts})
    return settings.model_copy(update={"billing": billing})


@pytest.mark.parametrize(
    ("lag", "minute", "newest"),
    [(0, 1, 19), (10, 11, 19), (58, 59, 19), (59, 0, 18), (60, 1, 18), (90, 31, 18), (120, 1, 17)],
)
def test_each_tick_asks_for_an_hour_that_has_just_settled(
    settings, instance, lag: int, minute: int, newest: int
) -> None:
    slow = lagging(settings, 0, lag)
    assert minute_of(slow) == minute
    [first, *_] = Clockwork(slow, instance).tick(START + 20 * HOUR + minute * MINUTE)
    assert first.partition_key == key_of(START + newest * HOUR)
    settled = Window(START + newest * HOUR, START + (newest + 1) * HOUR).end + lag * MINUTE
    assert settled <= START + 20 * HOUR + minute * MINUTE < settled + HOUR
