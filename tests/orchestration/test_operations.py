"""A person's decisions as jobs: shown first, taken when told, on real books."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import pytest

from conversion_sync.orchestration.build import build
from conversion_sync.orchestration.resources import PIPELINE
from conversion_sync.pipeline.build import context
from conversion_sync.pipeline.configuration import settings_type
from tests.integration.scripted import Scripted, enable, payments, run, states
from tests.integration.test_delivery_faults import LOST
from tests.integration.test_operate import refusing, vendor_ids
from tests.integration.world import NOW, rows
from tests.orchestration.conftest import START

Job = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def job(instance, database) -> Job:
    """Runs a job with this configuration of its op, on one Meta account."""
    settings = settings_type().model_validate(
        {
            "start": START,
            "billing": {},
            "platforms": {"meta": {"main": {"dataset_id": "1", "access_token": "t"}}},
            "actions": {
                "purchase": {
                    "kinds": ["first_payment"],
                    "value": {"rule": "net_cash"},
                    "targets": {"meta": {"main": {"event_name": "Purchase"}}},
                }
            },
        }
    )
    enable(database.engine, "meta")
    payments(database.engine, 2)

    @dg.resource
    def books(init: dg.InitResourceContext) -> object:
        return context(
            settings, database.engine, run_id=init.run.run_id if init.run else "", clock=lambda: NOW
        )

    def execute(name: str, **config: object) -> dg.ExecuteInProcessResult:
        made = build(settings, resources={PIPELINE: books}).resolve_job_def(name)
        [op] = [node.name for node in made.nodes]
        return made.execute_in_process(
            run_config={"ops": {op: {"config": config}}}, instance=instance, raise_on_error=False
        )

    return execute


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    [event] = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
    return {name: value.value for name, value in event.step_output_data.metadata.items()}


def test_a_replay_is_a_table_first_and_happens_when_told(job: Job, database) -> None:
    run(database.engine, Scripted(refusing))
    shown = metadata(job("replay", code="bad"))
    assert shown["would be decided about"] == 2
    assert "| meta:main | rejected | platform_refused | bad | 2 | 2 USD | - |" in str(shown["rows"])
    assert states(database.engine) == {("rejected", "platform_refused"): 2}

    done = job("replay", code="bad", dry_run=False, note="mended")
    assert metadata(done)["planned (ready)"] == metadata(done)["decided about"] == 2
    assert states(database.engine) == {("planned", "ready"): 2}
    said = rows(
        database.engine,
        "select distinct run_id, text like '%: mended' from delivery_attempt where phase = 'operator'",
    )
    assert said == [(done.run_id, True)]


def test_doubt_is_settled_by_name(job: Job, database) -> None:
    run(database.engine, Scripted(lambda _: LOST))
    one, other = vendor_ids(database.engine, "unknown")
    assert job("settle", ids=[one], found="delivered", dry_run=False).success
    assert job("settle", ids=[other], found="missing", dry_run=False, note="looked").success
    assert states(database.engine) == {("settled", "confirmed_by_hand"): 1, ("planned", "ready"): 1}


@pytest.mark.parametrize(
    ("name", "config", "said"),
    [
        ("replay", {}, "Nothing says which rows."),
        ("replay", {"start": "soon"}, "start: 'soon' is no moment"),
        ("settle", {"ids": ["cs_1"], "found": "missing"}, "goes on record"),
    ],
)
def test_what_says_too_little_fails_in_words(job: Job, database, name, config, said) -> None:
    before = states(database.engine)
    result = job(name, **config)
    [told] = [
        event.step_failure_data.user_failure_data.description
        for event in result.all_events
        if event.is_step_failure
    ]
    assert said in told
    assert states(database.engine) == before
