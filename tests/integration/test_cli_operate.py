"""The commands by which a person works the dead letters, through the real command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.platform import DedupPromise, RowResult, SendResult
from tests.integration.scripted import Scripted, enable, facts, payments, run, states
from tests.integration.test_delivery_faults import LOST, TIKTOK
from tests.integration.test_operate import vendor_ids

CONFIGURATION = """
start: 2026-01-01T00:00:00Z
database: {url: "env:CS_TEST_DATABASE"}
billing: {stripe: {main: {api_key: "env:CS_TEST_KEY"}}}
platforms: {tiktok: {main: {pixel_code: P, access_token: "env:CS_TEST_KEY"}}}
actions:
  purchase: {kinds: [first_payment], value: {rule: net_cash}, targets: {tiktok: {main: {event: Purchase}}}}
"""
BAD = RowResult(outcome=Outcome.REJECTED, code="40002", text="Invalid value for ttclid")

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def command(tmp_path: Path, database) -> Run:
    """The command on books with two refused rows and one in doubt."""
    enable(database.engine, "tiktok")
    payments(database.engine, 3)
    catalogue = facts(**TIKTOK | {"batch_size": 2, "dedup": DedupPromise.NONE})
    answers = iter([SendResult(outcome=Outcome.DELIVERED, rows={0: BAD, 1: BAD}), LOST])
    run(database.engine, Scripted(lambda _: next(answers), catalogue))
    (tmp_path / "conversion_sync.yaml").write_text(CONFIGURATION)

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "conversion_sync.cli", *arguments],
            cwd=tmp_path,
            env={**os.environ, "CS_TEST_DATABASE": database.url, "CS_TEST_KEY": "sk_live_1", "USER": "ana"},
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def test_dead_letters_are_counted_by_code_with_what_to_do(command: Run) -> None:
    done = command("dead-letters", "--limit", "1")
    assert done.returncode == 0, done.stderr
    for said in (
        "tiktok:main rejected 40002: 2 rows, worth 2.00 USD",
        "conversion-sync replay --platform tiktok --account main --code 40002",
        "tiktok:main unknown no_answer: 1 row, worth 1.00 USD",
        "40002 Invalid value for ttclid",
        "2 more rows follow: --skip 1",
    ):
        assert said in done.stdout
    found = json.loads(command("dead-letters", "--state", "unknown", "--json").stdout)
    assert [(row["state"], row["code"]) for row in found["rows"]] == [("unknown", "no_answer")]
    assert (found["skipped"], found["more"]) == (0, 0)


def test_a_replay_is_shown_first_and_done_when_told(command: Run, database) -> None:
    shown = command("replay", "--code", "40002")
    assert shown.returncode == 0, shown.stderr
    assert "Nothing was changed. 2 rows would be replayed: add --yes." in shown.stdout
    assert states(database.engine)["rejected", "needs_review"] == 2
    done = json.loads(command("replay", "--code", "40002", "--yes", "--json").stdout)
    assert (done["moved"], sum(done["stand"].values())) == (2, 2)
    assert vendor_ids(database.engine, "rejected") == []


def test_doubt_ends_when_a_person_says_what_they_found(command: Run, database) -> None:
    [name] = vendor_ids(database.engine, "unknown")
    refused = command("settle", name, "--missing", "--yes")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "what you saw at the platform goes on record" in refused.stderr
    done = command("settle", name, "--delivered", "--yes")
    assert "settled (confirmed_by_hand): 1 row" in done.stdout
    again = command("settle", name, "--delivered", "--yes")
    assert again.returncode == 1
    assert f"{name}: settled (confirmed_by_hand); left as it is" in again.stdout


@pytest.mark.parametrize("wrong", [("replay", "--yes"), ("settle", "cs_1")])
def test_what_says_too_little_is_refused(command: Run, database, wrong: tuple[str, ...]) -> None:
    before = states(database.engine)
    assert command(*wrong).returncode == 2
    assert states(database.engine) == before
