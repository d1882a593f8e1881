"""The past of billing accounts read again as jobs: by hand, every day, every week."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from conversion_sync.errors import TransientError
from conversion_sync.model.windows import Window
from conversion_sync.orchestration.backfills import BACKFILL, RECONCILE, RENORMALISE
from tests.orchestration.conftest import Script, definitions


def run(settings, instance, script: Script, name: str, **config: object) -> dg.ExecuteInProcessResult:
    job = definitions(settings, script).resolve_job_def(name)
    [op] = [node.name for node in job.nodes]
    return job.execute_in_process(
        run_config={"ops": {op: {"config": config}}}, instance=instance, raise_on_error=False
    )


def told(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    [event] = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    return {name: value.value for name, value in event.step_output_data.metadata.items()}


def test_a_span_is_read_again_and_what_it_mended_is_shown(settings, instance) -> None:
    script = Script()
    done = run(
        settings, instance, script, BACKFILL, start="2025-01-01", end="2025-02-01", account="stripe:main"
    )
    assert told(done) == {"stripe main objects": 9, "stripe main repaired": 2}
    span = Window(datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC))
    assert script.windows == [("backfill of ('stripe', 'main')", span)]


@pytest.mark.parametrize(
    "config",
    [
        {"start": "2025-02-01", "end": "2025-01-01"},
        {"start": "yesterday", "end": "2025-01-01"},
        {"start": "2025-01-01", "end": "2025-02-01", "account": "main"},
    ],
)
def test_a_span_that_is_none_is_refused_before_anybody_is_asked(settings, instance, config) -> None:
    script = Script()
    done = run(settings, instance, script, BACKFILL, **config)
    assert (done.success, script.windows) == (False, [])
    assert "Remedy: " in str(done.failure_data_for_node("read_past").user_failure_data.description)


def test_what_a_vendor_says_stands_in_the_run(settings, instance) -> None:
    script = Script(fault=TransientError("Stripe (main) could not answer (503).", remedy="Run again."))
    done = run(settings, instance, script, RECONCILE, days=4)
    failed = done.failure_data_for_node("read_recent")
    assert str(failed.user_failure_data.description).startswith("Stripe (main) could not answer (503).")


@pytest.mark.parametrize(("name", "days"), [("reconcile_daily", 4), ("reconcile_weekly", 35)])
def test_what_events_missed_is_looked_for_regularly(settings, instance, name: str, days: int) -> None:
    script = Script()
    defs = definitions(settings, script)
    schedule = defs.resolve_schedule_def(name)
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 11, 8, 3, 53, tzinfo=UTC))
    [request] = schedule.evaluate_tick(context).run_requests
    done = defs.resolve_job_def(RECONCILE).execute_in_process(
        run_config=request.run_config, instance=instance
    )
    assert done.success
    [(how, window)] = script.windows
    assert (how, window.end - window.start) == ("objects of None", timedelta(days=days))


def test_every_book_can_be_written_anew(settings, instance) -> None:
    assert told(run(settings, instance, Script(), RENORMALISE)) == {"stripe main changed": 0}
