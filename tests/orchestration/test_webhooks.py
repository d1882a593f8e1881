"""Kept webhooks are landed by small runs that a sensor asks for, which fail for what nobody can read."""

from __future__ import annotations

import dagster as dg
import pytest
from pydantic import SecretStr
from sqlalchemy import make_url, text

from conversion_sync.config.settings import Database, Settings
from conversion_sync.orchestration.build import build
from conversion_sync.orchestration.webhooks import LAND_WEBHOOKS, SENSOR
from tests.integration.receiver import serving
from tests.integration.receiver.test_landing import body, event, kept
from tests.orchestration.conftest import Script, definitions


@pytest.fixture
def chosen(database) -> Settings:
    url = Database(url=SecretStr(database.url), dagster_database=str(make_url(database.url).database))
    return serving.settings().model_copy(update={"database": url})


def asked(settings: Settings, instance: dg.DagsterInstance) -> int:
    definitions = build(settings)
    sensor = definitions.resolve_sensor_def(SENSOR)
    with dg.build_sensor_context(instance, definitions=definitions) as context:
        return len(sensor.evaluate_tick(context).run_requests or ())


def test_a_run_is_asked_for_while_webhooks_wait_one_at_a_time(chosen, instance, database) -> None:
    assert asked(chosen, instance) == 0
    kept(database.engine, body(event(1)))
    assert asked(chosen, instance) == 1
    job = build(chosen).resolve_job_def(LAND_WEBHOOKS)
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert asked(chosen, instance) == 0
    instance.report_run_failed(run)
    assert asked(chosen, instance) == 1
    assert job.execute_in_process(instance=instance).success
    assert asked(chosen, instance) == 0


def test_what_is_of_no_account_or_parked_asks_for_nothing(chosen, instance, database) -> None:
    kept(database.engine, body(event(1)), account="removed")
    kept(database.engine, b"nonsense")
    with database.engine.begin() as connection:
        connection.execute(
            text(
                "update webhook_inbox set parked_at = now(), parked_reason = 'r', parked_by = '1'"
                " where account = 'main'"
            )
        )
    assert asked(chosen, instance) == 0


def test_the_run_says_what_it_landed_and_fails_for_what_nobody_can_read(settings, instance) -> None:
    script = Script(webhooks={"stripe:main webhooks": 3, "stripe:main webhooks new": 2})
    job = definitions(settings, script).resolve_job_def(LAND_WEBHOOKS)
    result = job.execute_in_process(instance=instance)
    [done] = [one for one in result.all_events if one.event_type_value == "STEP_OUTPUT"]
    assert {name: value.value for name, value in done.step_output_data.metadata.items()} == {
        "stripe main webhooks": 3,
        "stripe main webhooks new": 2,
    }
    script.webhooks = {"stripe:main webhooks": 3, "stripe:main webhooks parked": 2}
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    [failed] = [one for one in result.all_events if one.event_type_value == "STEP_FAILURE"]
    said = str(failed.event_specific_data.user_failure_data.description)
    assert "2 webhooks could not be read." in said
    assert "conversion-sync status says why" in said
