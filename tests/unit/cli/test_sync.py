"""What `conversion-sync sync` says of its days, and when it counts as done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from conversion_sync.cli.output import console
from conversion_sync.cli.sync import show_days
from conversion_sync.model.windows import Window
from conversion_sync.orchestration.run import DayResult

START = datetime(2026, 11, 20, tzinfo=UTC)
WAITS = ("meta_main_uploads", "2 rows waiting for a person. Remedy: [look] at them.")
FAILED = ("clicks", "There is no table x. Remedy: Name one.")
LOOK = "Look at what waits: conversion-sync status. Syncing again is safe.\n"


def day(
    failures: tuple[tuple[str, str], ...] = (), warnings: tuple[tuple[str, str], ...] = (), doubts: int = 0
) -> DayResult:
    return DayResult(
        window=Window(START, START + timedelta(hours=24)),
        run_id="r",
        seconds={},
        failures=failures,
        warnings=warnings,
        doubts=doubts,
    )


@pytest.mark.parametrize(
    ("result", "mark", "lines", "done"),
    [
        (day(), "✓", "", True),
        (day(warnings=(WAITS,)), "!", f"    {WAITS[0]}: {WAITS[1]}\n", True),
        (day(warnings=(WAITS,), doubts=2), "✗", f"    {WAITS[0]}: {WAITS[1]}\n{LOOK}", False),
        (day(failures=(FAILED,)), "✗", f"    {FAILED[0]}: {FAILED[1]}\n{LOOK}", False),
    ],
    ids=["nothing to say", "rows wait since earlier", "rows left in doubt by this sync", "an asset failed"],
)
def test_a_day_says_what_failed_and_what_waits(
    result: DayResult, mark: str, lines: str, done: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    show_days(console(), [result])
    assert capsys.readouterr().out == f"{mark} 2026-11-20 00:00 UTC, 24 hours (run r)\n{lines}"
    assert result.ok is done
