"""A small sample of the crash matrix, over every platform; `make reliability` plays all of it.

Played in processes of their own: a process that has spoken gRPC cannot be forked.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from conversion_sync.store.embedded import EmbeddedServer
from tests.contract.platforms.cases import CASES
from tests.reliability.points import How, points
from tests.reliability.table import BEGIN, END
from tests.reliability.uploader import AFTER_INTENT, BEFORE_INTENT, Mark

pytestmark = pytest.mark.slow
PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"


def played(*command: str) -> Any:
    """The JSON a harness prints."""
    ended = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return json.loads(ended.stdout)


def test_kills_on_every_platform_lose_nothing_and_count_nothing_twice(server: EmbeddedServer) -> None:
    sample = ("--points", "2", "--one-play", "--workers", "1", "--json")
    found = played("-m", "tests.reliability", *sample, "--server", server.url("postgres"))
    assert [one["case"] for one in found] == [case.id for case in CASES]
    judged = [each for one in found for each in one["judged"]]
    assert len(judged) == 2 * len(CASES)
    assert {each["dedup"] for each in judged} == {True, False}
    assert [each for each in judged if each["lost"] or each["outside"] or each["broken"]] == []
    assert sum(each["twice"] for each in judged if each["dedup"]) == 0
    assert sum(each["in_flight"] for each in judged) > 0


SABOTAGED = """
import json, sys
from conversion_sync.delivery import standing
from conversion_sync.model.conversion import Reason, State
from tests.contract.platforms.cases import CASES
from tests.reliability.matrix import try_point, unkilled
from tests.reliability.places import sandbox
from tests.reliability.points import How
from tests.reliability.scene import scene

case = next(case for case in CASES if case.id == "meta")
found = []
with sandbox() as vendors, scene(case, vendors, sys.argv[1]) as one:
    plan = unkilled(one, 1, 1000)
    for state, how in ((State.PLANNED, How.TAKEN), (State.SETTLED, How.LOST)):
        point = next(each for each in plan.points if each.act == "payments" and each.how is how)
        standing.in_doubt = lambda first, facts, now, again: (state, Reason.CONFIRMED, now, False)
        judged = try_point(one, plan, point, dedup=True)
        found.append((judged.lost, judged.twice, judged.wrong))
json.dump(found, sys.stdout)
"""


def test_a_delivery_that_decides_wrongly_is_found_out(server: EmbeddedServer) -> None:
    (lost, twice, wrong), (lost_too, twice_too, wrong_too) = played("-c", SABOTAGED, server.url("postgres"))
    assert (lost, twice > 0, wrong) == (0, True, f"{twice} rows count twice in spite of dedup")
    assert (lost_too > 0, twice_too) == (True, 0)
    assert wrong_too.startswith(f"{lost_too} rows lost")


def test_the_same_seed_gives_the_same_points() -> None:
    marks = [Mark("claim: before a commit", nth, BEFORE_INTENT) for nth in range(1, 9)]
    marks += [
        Mark("deliver: before: send", nth, AFTER_INTENT, ("meta", "/events", nth)) for nth in range(1, 9)
    ]
    recovery = (marks[8], marks[:3])

    def drawn(seed: str) -> list[str]:
        return [str(point) for point in points(seed, 20, {"payments": marks}, recovery)]

    assert drawn("1 meta") == drawn("1 meta")
    assert drawn("1 meta") != drawn("2 meta")
    assert len(set(drawn("1 meta"))) == 20
    assert {how.value for how in How} <= {
        text.partition("(")[2].partition(")")[0] for text in drawn("1 meta")
    }


def test_the_page_shows_every_platform() -> None:
    _, _, shown = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    rows = [
        line.split("|")[1].strip() for line in shown.partition(END)[0].splitlines() if line.startswith("|")
    ]
    assert {case.id for case in CASES} <= set(rows)
