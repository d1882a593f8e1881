"""An account that is left alone shows why and until when, and a long outage spends no tries of a step."""

from __future__ import annotations

from datetime import datetime, timedelta

import dagster as dg
import pytest

from conversion_sync.delivery.tally import Pause
from conversion_sync.orchestration.uploads import ACCEPTED
from tests.orchestration.conftest import START, Script, colours, run, window

DOWN = Pause(
    what="breaker_open",
    since=START + timedelta(hours=5),
    until=START + timedelta(hours=9),
    why="http_503 out of order",
)


def waiting(_: datetime) -> dict[str, int]:
    return {"left": 3}


def accepted(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    """The check of the account that is left alone."""
    [found] = [
        check
        for check in result.get_asset_check_evaluations()
        if check.check_name == ACCEPTED and check.asset_key.path == ["meta_main_uploads"]
    ]
    return found


def test_hours_behind_an_open_breaker_are_red_and_say_until_when(settings, instance) -> None:
    script = Script(hours=waiting, stopped="breaker_open", transient=True, retry_after=14_400.0, pause=DOWN)
    result = run(settings, script, instance, window(0))
    assert colours(settings, script, instance, "meta_main_uploads")["red"] == ["2026-11-01-00:00"]
    assert colours(settings, script, instance, "tiktok_main_uploads")["green"] == ["2026-11-01-00:00"]
    check = accepted(result)
    assert check.description is not None
    assert check.description.startswith("3 of 3 rows wait. The platform is down since 2026-11-01 05:00 UTC")
    told = {name: value.value for name, value in check.metadata.items()}
    assert told["left alone because"] == "breaker open: http_503 out of order"
    assert told["left alone since"] == "2026-11-01T05:00:00+00:00"
    assert told["goes on at"] == "2026-11-01T09:00:00+00:00"


@pytest.mark.parametrize(("remaining", "tries"), [(14_400.0, 1), (0.01, 3)])
def test_only_a_short_pause_is_waited_for_by_the_step(settings, instance, remaining, tries) -> None:
    script = Script(hours=waiting, stopped="breaker_open", transient=True, retry_after=remaining, pause=DOWN)
    run(settings, script, instance, window(0))
    assert [name for name, _ in script.windows].count("meta") == tries


def test_an_hour_with_nothing_left_is_green_and_says_it_too(settings, instance) -> None:
    script = Script(hours=lambda _: {"settled": 1}, pause=DOWN)
    result = run(settings, script, instance, window(0))
    check = accepted(result)
    assert check.passed
    assert check.description == DOWN.sentence
