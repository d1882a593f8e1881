"""A `kill -9` in the middle of every kind of upload, then a run: nothing lost, nothing counted twice.

The kills come before a platform took the request in and after, when only the answer is missing. Where a
platform promises to drop copies the same ids go again; where it does not the rows wait for a person.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from conversion_sync.reports.status import check_laws
from conversion_sync.store.embedded import EmbeddedServer
from tests.e2e.command import Command, commanded, kill, wait_until
from tests.e2e.expected import Booked, Delivery, expected
from tests.e2e.world import PLATFORMS, WORTHS, booked, living, recent_midnight

pytestmark = pytest.mark.slow
NO_PROMISE = ("linkedin", "meta")
LONGER_THAN_A_KILL = 15.0
"""Seconds; what the sandbox holds a request for, of which the test needs a few hundredths."""


@dataclass(frozen=True, kw_only=True)
class Kill:
    """`taken`: the platform has the rows, only its answer did not come. `day` of the business."""

    day: int
    platform: str
    vendor: str
    path: str
    taken: bool


KILLS = (
    Kill(day=0, platform="google_ads", vendor="data_manager", path="IngestEvents", taken=False),
    Kill(day=0, platform="google_ads", vendor="data_manager", path="IngestEvents", taken=True),
    Kill(day=0, platform="linkedin", vendor="linkedin", path="conversionEvents", taken=False),
    Kill(day=1, platform="linkedin", vendor="linkedin", path="conversionEvents", taken=True),
    Kill(day=1, platform="meta", vendor="meta", path="/events", taken=False),
    Kill(day=2, platform="meta", vendor="meta", path="/events", taken=True),
    Kill(day=2, platform="tiktok", vendor="tiktok", path="", taken=False),
    Kill(day=2, platform="tiktok", vendor="tiktok", path="", taken=True),
    Kill(day=3, platform="google_ads", vendor="google_ads", path="Adjustment", taken=False),
    Kill(day=3, platform="google_ads", vendor="google_ads", path="Adjustment", taken=True),
)


@dataclass(frozen=True, kw_only=True)
class Aftermath:
    """`in_flight`: of every kill, how many rows it caught; `entries` of the platforms' books."""

    command: Command
    in_flight: dict[Kill, int]
    wanted: dict[str, Counter[Booked]]
    entries: list[dict[str, Any]]

    def books(self, platform: str) -> Counter[Booked]:
        return Counter(booked(entry) for entry in self.entries if entry["platform"] == platform)


@pytest.fixture(scope="module")
def aftermath(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aftermath]:
    """Killed ten times, each day run once in peace after its kills."""
    size = (
        "--customers",
        "400",
        "--days",
        "4",
        "--history-days",
        "0",
        "--end",
        recent_midnight().isoformat(),
    )
    folder = tmp_path_factory.mktemp("killed")
    with living(folder, server, *size) as world, commanded(world, server) as command:
        caught: dict[Kill, int] = {}
        for number, day in enumerate(world.window.days()):
            caught |= {one: killed(command, one) for one in KILLS if one.day == number}
            last = command.sync(day)
        assert last.returncode == 0, last.stdout + last.stderr
        days = [Delivery(reads_until=day.end, now=datetime.now(UTC)) for day in world.window.days()]
        yield Aftermath(
            command=command,
            in_flight=caught,
            wanted=expected(world.ask("/truth"), PLATFORMS, WORTHS, days),
            entries=world.ask("/ledger"),
        )


def killed(command: Command, one: Kill) -> int:
    """Kills a sync while a platform has its request; returns how many rows that request held."""
    world = command.world
    window = list(world.window.days())[one.day]
    action = {"delay_seconds": LONGER_THAN_A_KILL, "drop_reply" if one.taken else "close_before_reply": True}
    world.change_faults({"vendor": one.vendor, "path_contains": one.path, "action": action})
    before = world.changes(one.platform)
    process = command.start_sync(window)
    wait_until(lambda: not world.ask("/faults")["faults"], process)
    if one.taken:
        wait_until(lambda: world.changes(one.platform) != before, process)
    kill(process)
    with command.engine.connect() as connection:
        found = connection.execute(
            text("select count(*) from conversion where platform = :name and state = 'in_flight'"),
            {"name": one.platform},
        )
        return int(found.scalar_one())


def test_every_kill_caught_rows_in_flight(aftermath: Aftermath) -> None:
    assert {one: rows for one, rows in aftermath.in_flight.items() if rows == 0} == {}


@pytest.mark.parametrize("platform", ["google_ads", "tiktok"])
def test_where_copies_are_dropped_the_books_are_complete(aftermath: Aftermath, platform: str) -> None:
    assert aftermath.books(platform) == aftermath.wanted[platform]


@pytest.mark.parametrize("platform", NO_PROMISE)
def test_where_they_are_not_only_what_may_have_arrived_waits_for_a_person(
    aftermath: Aftermath, platform: str
) -> None:
    missing = aftermath.wanted[platform] - aftermath.books(platform)
    before, after = (
        aftermath.in_flight[one]
        for one in sorted(KILLS, key=lambda one: one.taken)
        if one.platform == platform
    )
    assert aftermath.books(platform) - aftermath.wanted[platform] == Counter()
    assert missing.total() == before, "what the platform never took in"
    assert waiting(aftermath.command, platform) == {("unknown", "may_have_arrived"): before + after}


def waiting(command: Command, platform: str) -> dict[tuple[str, str], int]:
    """The rows that are neither told nor decided, by state and reason."""
    with command.engine.connect() as connection:
        rows = connection.execute(
            text(
                "select state, reason, count(*) from conversion where platform = :name"
                " and state in ('planned', 'in_flight', 'accepted', 'held', 'unknown') group by 1, 2"
            ),
            {"name": platform},
        )
        return {(row[0], row[1]): row[2] for row in rows}


def test_nothing_counts_twice(aftermath: Aftermath) -> None:
    assert {entry["counts"] for entry in aftermath.entries} <= {0, 1}
    again = [entry for entry in aftermath.entries if entry["times_received"] > 1]
    assert {entry["platform"] for entry in again} == {"google_ads", "tiktok"}


def test_every_law_of_the_ledger_holds(aftermath: Aftermath) -> None:
    laws = check_laws(aftermath.command.engine, None)
    assert len(laws) == 4
    assert [law for law in laws if law.broken] == []


def test_every_killed_run_is_told_as_failed_and_every_other_as_done(aftermath: Aftermath) -> None:
    command = aftermath.command
    days = len(list(command.world.window.days()))
    assert command.runs() == {"FAILURE": len(KILLS), "SUCCESS": days}
