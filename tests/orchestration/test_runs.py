"""What people see in Dagster: which hours are green, which red, and what a failure says."""

from __future__ import annotations

import subprocess
import sys
import warnings
from datetime import timedelta
from types import SimpleNamespace

import dagster as dg
import pytest

from conversion_sync.config.settings import Schedule
from conversion_sync.errors import ConfigurationError, PermanentError, TransientError
from conversion_sync.model.expiry import Expiry, notice
from conversion_sync.model.windows import HOUR
from conversion_sync.orchestration.failures import retry
from conversion_sync.orchestration.uploads import ACCEPTED, LASTING
from conversion_sync.orchestration.verdict import Colour, verdict
from tests.orchestration.conftest import START, Script, colours, definitions, hour_report, run, window

ASSET = "meta_main_uploads"
KEY = "2026-11-01-05:00"
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("counts", "colour"),
    [
        ({}, Colour.GREEN),
        ({"settled": 10}, Colour.GREEN),
        ({"settled": 3, "skipped": 7}, Colour.GREEN),
        ({"planned": 5}, Colour.GREEN),
        ({"accepted": 5}, Colour.GREEN),
        ({"settled": 9, "rejected": 1}, Colour.WARN),
        ({"settled": 9, "unknown": 1}, Colour.WARN),
        ({"settled": 9, "undecided": 1}, Colour.WARN),
        ({"undecided": 5}, Colour.WARN),
        ({"rejected": 1}, Colour.WARN),
        ({"settled": 2, "rejected": 4}, Colour.WARN),
        ({"settled": 20, "rejected": 5}, Colour.WARN),
        ({"settled": 19, "rejected": 5}, Colour.RED),
        ({"settled": 9, "left": 1}, Colour.RED),
        ({"settled": 9, "held": 1}, Colour.RED),
        ({"settled": 9, "held": 1, "undecided": 1}, Colour.RED),
    ],
)
def test_an_hour_is_red_only_when_a_run_can_still_mend_it(counts, colour) -> None:
    assert verdict(hour_report(START, **counts), Schedule()).colour is colour


@pytest.mark.parametrize(
    ("counts", "green", "red", "passed", "severity"),
    [
        ({"settled": 2}, [KEY], [], True, dg.AssetCheckSeverity.WARN),
        ({"settled": 9, "rejected": 1}, [KEY], [], False, dg.AssetCheckSeverity.WARN),
        ({"settled": 1, "left": 1}, [], [KEY], False, dg.AssetCheckSeverity.ERROR),
        ({"held": 1}, [], [KEY], False, dg.AssetCheckSeverity.ERROR),
        ({"undecided": 1}, [KEY], [], False, dg.AssetCheckSeverity.WARN),
    ],
)
def test_the_partition_grid_shows_the_verdict(
    settings, instance, counts, green, red, passed, severity
) -> None:
    script = Script(hours=lambda _: counts)
    result = run(settings, script, instance, window(5))
    assert result.success is not bool(red)
    assert colours(settings, script, instance, ASSET) == {"green": green, "red": red}
    [check] = [
        event.event_specific_data
        for event in result.all_events
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
        and event.event_specific_data.asset_key == dg.AssetKey(ASSET)
        and event.event_specific_data.check_name == ACCEPTED
    ]
    assert (check.passed, check.severity) == (passed, severity)


ENDS = Expiry(what="API 1", ends=START + 100 * DAY, remedy="Upgrade.", soon=60 * DAY, now=14 * DAY)


@pytest.mark.parametrize(
    ("days", "passed", "severity", "said"),
    [
        (39, True, dg.AssetCheckSeverity.WARN, None),
        (40, False, dg.AssetCheckSeverity.WARN, "API 1 ends on 2027-02-09. Upgrade."),
        (86, False, dg.AssetCheckSeverity.ERROR, "API 1 ends on 2027-02-09. Upgrade."),
        (100, False, dg.AssetCheckSeverity.ERROR, "API 1 ended on 2027-02-09. Upgrade."),
    ],
)
def test_what_ends_soon_is_a_check_of_its_own_and_fails_no_hour(
    settings, instance, days, passed, severity, said
) -> None:
    script = Script(endings=(notice(ENDS, START + days * DAY),))
    result = run(settings, script, instance, window(5))
    [check] = [
        check
        for check in result.get_asset_check_evaluations()
        if (check.asset_key, check.check_name) == (dg.AssetKey(ASSET), LASTING)
    ]
    assert (check.passed, check.severity, check.description) == (passed, severity, said)
    assert result.success


def test_a_failed_platform_leaves_its_siblings_alone(settings, instance) -> None:
    script = Script(hours=lambda _: {"left": 1})
    run(settings, script, instance, window(5))
    assert colours(settings, script, instance, "tiktok_main_uploads") == {"green": [KEY], "red": []}


def test_a_range_run_materializes_its_good_hours_and_fails_exactly_the_bad_one(settings, instance) -> None:
    bad = START + 7 * HOUR
    script = Script(hours=lambda hour: {"left": 1} if hour == bad else {"settled": 1})
    result = run(settings, script, instance, window(5, 4))
    assert not result.success
    assert colours(settings, script, instance, ASSET) == {
        "green": ["2026-11-01-05:00", "2026-11-01-06:00", "2026-11-01-08:00"],
        "red": ["2026-11-01-07:00"],
    }


def test_every_hour_of_a_range_keeps_its_own_numbers(settings, instance) -> None:
    script = Script(hours=lambda hour: {"settled": hour.hour})
    run(settings, script, instance, window(5, 3))
    found = instance.fetch_materializations(dg.AssetKey(ASSET), limit=10).records
    assert {
        record.partition_key: record.asset_materialization.metadata["sent"].value for record in found
    } == {"2026-11-01-05:00": 5, "2026-11-01-06:00": 6, "2026-11-01-07:00": 7}


def test_a_failure_says_what_happened_and_what_to_do(settings, instance) -> None:
    script = Script(hours=lambda _: {"settled": 1, "left": 1}, stopped="190 token expired")
    result = run(settings, script, instance, window(5))
    [failure] = [event for event in result.all_events if event.is_step_failure]
    said = failure.step_failure_data.user_failure_data
    assert "1 of 2 rows have not left" in said.description
    assert "190 token expired" in said.description
    assert "| c1 | rejected | platform_refused | 100 | Invalid parameter | 19.9 USD | See the code. |" in (
        said.metadata["rows"].value
    )
    assert said.metadata["failed hours"].value == KEY


def test_a_users_mistake_fails_the_run_with_one_message(settings, instance) -> None:
    fault = ConfigurationError("clicks.web: there is no table x.", remedy="Name an existing table.")
    result = run(settings, Script(fault=fault), instance, window(5))
    failures = [event for event in result.all_events if event.is_step_failure]
    assert {event.step_failure_data.user_failure_data.description for event in failures} == {
        "clicks.web: there is no table x. Remedy: Name an existing table."
    }


def test_a_platform_that_is_down_for_a_moment_is_asked_again_by_the_same_step(settings, instance) -> None:
    answers = iter([{"left": 1}, {"settled": 1}])
    script = Script(hours=lambda _: next(answers), stopped="503", transient=True, retry_after=0.01)
    result = run(settings, script, instance, window(5))
    assert result.success
    assert [name for name, _ in script.windows].count("meta") == 2


def steps_tried(result) -> int:
    return sum(event.step_key == "billing_events" for event in result.all_events if event.is_step_restarted)


def test_a_vendor_that_is_down_for_a_moment_is_asked_again_after_its_own_delay(settings, instance) -> None:
    fault = TransientError("Stripe (main) could not answer (503).", remedy="Run again.", retry_after=0.01)
    script = Script(fault=fault, faults=2)
    result = run(settings, script, instance, window(5))
    assert result.success
    assert sum(event.is_step_restarted for event in result.all_events) == 2
    assert "could not answer (503). Trying again in 0 s." in "".join(
        entry.user_message for entry in instance.all_logs(result.run_id)
    )


@pytest.mark.parametrize(
    ("fault", "tries"),
    [
        (TransientError("It is down.", remedy="Run again.", retry_after=0.01), 2),
        (TransientError("It is down.", remedy="Run again.", retry_after=301), 0),
        (ConfigurationError("The key is refused.", remedy="Make a new one."), 0),
        (PermanentError("It is refused.", remedy="Report it."), 0),
    ],
)
def test_a_step_is_tried_again_only_where_that_can_help_and_not_for_ever(
    settings, instance, fault, tries
) -> None:
    result = run(settings, Script(fault=fault), instance, window(5))
    assert not result.success
    assert steps_tried(result) == tries
    assert [
        event.step_failure_data.user_failure_data.description
        for event in result.all_events
        if event.is_step_failure and event.step_key == "billing_events"
    ] == [str(fault)]


def test_a_fault_that_names_no_delay_is_given_time() -> None:
    context = SimpleNamespace(retry_number=0)
    waits = []
    while (again := retry(context, None)) is not None:
        waits.append(again.seconds_to_wait)
        context.retry_number += 1
    assert waits == [20, 40]


def test_no_secret_reaches_the_event_log(settings, instance) -> None:
    canary = "sk_live_canary0123456789"
    fault = ConfigurationError(f"the key {canary} is refused", remedy=f"Replace {canary}.")
    result = run(settings, Script(fault=fault), instance, window(5))
    told = "".join(str(entry) for entry in instance.all_logs(result.run_id))
    assert "is refused" in told
    assert canary not in told


def test_loading_the_definitions_imports_no_vendors_sdk() -> None:
    code = (
        "import sys, conversion_sync.orchestration.definitions\n"
        "heavy = {'google', 'grpc', 'facebook_business', 'stripe', 'pandas'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_definitions_use_nothing_dagster_is_about_to_remove(settings) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)
        definitions(settings, Script()).get_repository_def()
