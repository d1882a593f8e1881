"""Confirmations are asked for by a sensor that keeps nothing, in runs that send nothing."""

from __future__ import annotations

from dataclasses import replace

import dagster as dg
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, make_url

from conversion_sync.config.settings import Database, Settings
from conversion_sync.orchestration.build import build
from conversion_sync.orchestration.resources import PIPELINE
from conversion_sync.pipeline.build import context as build_context
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.platforms.platform import Settlement, SettlementStatus
from tests.integration.scripted import Scripted, enable, payments, run, states
from tests.integration.test_settlement import confirming
from tests.integration.world import HOUR, NOW
from tests.orchestration.conftest import START

NAME = "google_ads_main_confirmations"


@pytest.fixture
def google(database) -> Settings:
    """A configuration with an account that confirms later and one that does not."""
    enable(database.engine, "google_ads")
    chosen = settings_type().model_validate(
        {
            "start": START,
            "billing": {},
            "platforms": {
                "google_ads": {
                    "main": {
                        "customer_id": "1234567890",
                        "client_id": "c",
                        "client_secret": "s",
                        "refresh_token": "r",
                    }
                },
                "meta": {"main": {"dataset_id": "1", "access_token": "t"}},
            },
        }
    )
    url = Database(url=SecretStr(database.url), dagster_database=str(make_url(database.url).database))
    return chosen.model_copy(update={"database": url})


def poll(engine: Engine, request: str, due: str) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "insert into settlement_poll (platform, account, request_ref, accepted_at, next_poll_at) "
            f"values ('google_ads', 'main', '{request}', now(), now() + interval '{due}')"
        )


def asked(settings: Settings, instance: dg.DagsterInstance) -> list[str]:
    definitions = build(settings)
    sensor = definitions.resolve_sensor_def("confirmations")
    with dg.build_sensor_context(instance, definitions=definitions) as context:
        found = sensor.evaluate_tick(context)
    assert found.cursor is None
    return [str(request.job_name) for request in found.run_requests or ()]


def test_a_run_is_asked_for_when_an_answer_is_due_and_not_before(google, instance, database) -> None:
    poll(database.engine, "later", "10 minutes")
    assert asked(google, instance) == []
    poll(database.engine, "due", "-1 minute")
    poll(database.engine, "due too", "-2 minutes")
    assert asked(google, instance) == [NAME]


def test_an_account_is_asked_about_by_one_run_at_a_time(google, instance, database) -> None:
    poll(database.engine, "due", "-1 minute")
    job = build(google).resolve_job_def(NAME)
    run = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
    assert asked(google, instance) == []
    instance.report_run_failed(run)
    assert asked(google, instance) == [NAME]


def test_only_accounts_that_confirm_later_have_a_job(google, settings) -> None:
    names = {job.name for job in build(google).resolve_all_job_defs()}
    assert {name for name in names if name.endswith("_confirmations")} == {NAME}
    assert not [job for job in build(settings).resolve_all_job_defs() if "confirmations" in job.name]


def asking(google: Settings, engine: Engine, platform: Scripted) -> dg.JobDefinition:
    @dg.resource
    def books(_: dg.InitResourceContext) -> object:
        made = build_context(google, engine, run_id="r", clock=lambda: NOW + HOUR)
        return replace(made, platforms={("google_ads", "main"): lambda: platform})

    return build(google, resources={PIPELINE: books}).resolve_job_def(NAME)


def test_the_run_shows_what_became_of_which_requests(google, instance, database) -> None:

    platform = confirming()
    payments(database.engine, 2)
    run(database.engine, platform)
    platform.statuses["r1"] = Settlement(status=SettlementStatus.FAILED, code="FAILED", counts={"bad": 2})

    job = asking(google, database.engine, platform)
    result = job.execute_in_process(instance=instance)
    [event] = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    shown = {name: value.value for name, value in event.step_output_data.metadata.items()}
    assert shown == {
        "requests asked after": 1,
        "rows refused": 2,
        "reason bad": 2,
        "requests still awaited": 0,
    }
    assert states(database.engine) == {("rejected", "platform_refused"): 2}
    assert len(platform.requests) == 1


def test_the_run_fails_where_the_platform_lets_nobody_ask(google, instance, database) -> None:
    platform = confirming()
    payments(database.engine, 2)
    run(database.engine, platform)
    poll(database.engine, "r2", "-1 hour")
    platform.statuses["r1"] = platform.statuses["r2"] = Settlement(
        status=SettlementStatus.HOLD, code="PERMISSION_DENIED", text="The caller may not."
    )
    job = asking(google, database.engine, platform)
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    [failed] = [event for event in result.all_events if event.event_type_value == "STEP_FAILURE"]
    said = str(failed.event_specific_data.user_failure_data.description)
    assert (
        "google_ads:main lets nobody ask what became of 2 requests: PERMISSION_DENIED The caller may" in said
    )
    assert "conversion-sync connect google_ads main" in said
    assert states(database.engine) == {("accepted", "awaiting_confirmation"): 2}
