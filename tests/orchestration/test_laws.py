"""Once a day the ledger's laws are read, and a broken one turns the run red."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from conversion_sync.errors import TransientError
from conversion_sync.orchestration.rooms import Rooms, real_rooms
from conversion_sync.orchestration.schedules import RUNNING_VARIABLE
from conversion_sync.reports.status import RECENT, LawStatus
from tests.conftest import Database
from tests.orchestration.conftest import Script, definitions

HOLDS = LawStatus(law="credit sums to the payment", broken=0, detail="")
BROKEN = LawStatus(law="billing = platforms + reasons, to the cent", broken=1, detail="meta:main is off by 3")


def checked(settings, instance, script: Script) -> dg.ExecuteInProcessResult:
    job = definitions(settings, script).resolve_job_def("check_laws")
    return job.execute_in_process(instance=instance, raise_on_error=False)


def said(result: dg.ExecuteInProcessResult) -> list[str]:
    return [
        event.step_failure_data.user_failure_data.description
        for event in result.all_events
        if event.is_step_failure
    ]


def test_laws_that_hold_are_a_green_run(settings, instance) -> None:
    assert checked(settings, instance, Script(laws=(HOLDS,))).success


def test_a_broken_law_is_a_red_run_that_names_it_and_what_to_do(settings, instance) -> None:
    result = checked(settings, instance, Script(laws=(HOLDS, BROKEN)))
    [told] = said(result)
    assert told == (
        "Broken: billing = platforms + reasons, to the cent (meta:main is off by 3). Remedy: Keep the "
        "database as it is and report it with: conversion-sync status --full --json"
    )


def test_a_database_that_is_down_is_told_in_words(settings, instance) -> None:
    def down(*_: object) -> None:
        raise TransientError("The database failed: gone.", remedy="Mend it.")

    script = Script()
    rooms: Rooms = replace(script.rooms(), laws=down)
    script.rooms = lambda: rooms  # type: ignore[method-assign]
    assert said(checked(settings, instance, script)) == ["The database failed: gone. Remedy: Mend it."]


def test_the_last_week_is_read(settings, instance) -> None:
    asked: list[datetime] = []
    script = Script()
    rooms = replace(script.rooms(), laws=lambda _, since: asked.append(since) or ())
    script.rooms = lambda: rooms  # type: ignore[method-assign]
    assert checked(settings, instance, script).success
    [since] = asked
    assert timedelta() <= datetime.now(UTC) - RECENT - since < timedelta(hours=1)


def test_the_laws_of_an_empty_ledger_hold(database: Database) -> None:
    found = real_rooms().laws(database.engine, None)
    assert found
    assert [law.broken for law in found] == [0] * len(found)


@pytest.mark.parametrize(("switch", "status"), [("", "STOPPED"), ("running", "RUNNING")])
def test_the_daily_check_is_on_where_the_other_schedules_are(
    settings, monkeypatch: pytest.MonkeyPatch, switch: str, status: str
) -> None:
    monkeypatch.setenv(RUNNING_VARIABLE, switch)
    repository = definitions(settings, Script()).get_repository_def()
    names = ("hourly", "laws", "reconcile_daily", "reconcile_weekly")
    assert {
        schedule.name: schedule.default_status.value for schedule in repository.schedule_defs
    } == dict.fromkeys(names, status)
