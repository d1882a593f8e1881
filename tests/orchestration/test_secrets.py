"""No secret reaches Dagster: not in a step's failure, not in a run's, not in a line of anybody's logger."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import dagster as dg
import pytest

from conversion_sync import redaction
from conversion_sync.cli import main
from conversion_sync.errors import PermanentError
from conversion_sync.orchestration import definitions as code_location
from conversion_sync.orchestration import resources, schedules
from conversion_sync.orchestration.resources import PIPELINE
from conversion_sync.redaction import RedactingFactory, hide, install
from tests.orchestration.conftest import Script, definitions, run, window

SHAPED = "sk_live_canary0123456789"
SHAPELESS = "canary like no other token"
LEAKS = [f"GET /v1/events?api_key={SHAPED} failed", f"refused {SHAPELESS}, {SHAPED}"]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = logging.getLogRecordFactory()
    monkeypatch.setattr(redaction, "_configured", set())
    hide(SHAPELESS)
    yield
    logging.setLogRecordFactory(before)


@pytest.fixture
def instance(tmp_path) -> Iterator[dg.DagsterInstance]:
    """An instance that keeps our loggers' lines, as the one of dagster.yaml does."""
    kept = {"managed_python_loggers": ["conversion_sync"], "python_log_level": "INFO"}
    with dg.DagsterInstance.local_temp(
        str(tmp_path), overrides={"telemetry": {"enabled": False}, "python_logs": kept}
    ) as instance:
        yield instance


def told(instance: dg.DagsterInstance, run_id: str) -> str:
    """Everything the event log holds of a run."""
    return "".join(dg.serialize_value(entry) + str(entry) for entry in instance.all_logs(run_id))


class SurprisingError(Exception):
    """Of no family."""


@pytest.mark.parametrize("words", LEAKS)
def test_a_fault_nobody_foresaw_is_told_without_its_secrets(settings, instance, words: str) -> None:
    fault = SurprisingError(words)
    fault.__cause__ = ValueError(words)
    result = run(settings, Script(fault=fault), instance, window(5))
    everything = told(instance, result.run_id)
    assert "unexpected SurprisingError" in everything
    assert "conftest.py" in everything, "the trace is kept"
    assert SHAPED not in everything
    assert SHAPELESS not in everything


def test_a_database_that_cannot_be_opened_is_told_without_its_secrets(
    settings, instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise SurprisingError(LEAKS[1])

    monkeypatch.setattr("conversion_sync.store.open.open_database", refuse)
    defs = definitions(settings, Script())
    result = dg.materialize(
        [asset for asset in defs.assets or () if isinstance(asset, dg.AssetsDefinition)],
        resources={PIPELINE: resources.pipeline(settings)},
        instance=instance,
        partition_key="2026-11-01-05:00",
        raise_on_error=False,
    )
    everything = told(instance, result.run_id)
    assert "unexpected SurprisingError" in everything
    assert SHAPED not in everything
    assert SHAPELESS not in everything


def test_a_line_of_our_loggers_is_kept_without_its_secrets(settings, instance) -> None:
    install()

    def chatty(*_: object) -> object:
        logging.getLogger("conversion_sync.somewhere").warning("answered %s", LEAKS[1])
        raise SurprisingError

    script = Script()
    script.rooms = lambda: replace(Script().rooms(), pull_billing=chatty)  # type: ignore[method-assign]
    result = run(settings, script, instance, window(5))
    everything = told(instance, result.run_id)
    assert "answered refused [redacted], sk_live_[redacted]" in everything
    assert SHAPED not in everything
    assert SHAPELESS not in everything


def test_the_sensor_of_due_rows_fails_without_secrets(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise SurprisingError(LEAKS[1])

    monkeypatch.setattr("conversion_sync.store.open.open_database", refuse)
    live = settings.model_copy(update={"upload_mode": schedules.UploadMode.LIVE})
    sensor = definitions(live, Script()).get_repository_def().get_sensor_def("due")
    with dg.build_sensor_context() as context, pytest.raises(PermanentError) as caught:
        sensor.evaluate_tick(context)
    everything = "".join(traceback.format_exception(caught.value))
    assert "unexpected SurprisingError" in everything
    assert SHAPED not in everything
    assert SHAPELESS not in everything


def test_the_code_location_scrubs_what_its_process_logs(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_location, "load_settings", lambda: settings)
    code_location.defs()
    assert isinstance(logging.getLogRecordFactory(), RedactingFactory)


def test_the_command_scrubs_what_it_logs(monkeypatch: pytest.MonkeyPatch, caplog) -> None:
    def command() -> None:
        logging.getLogger("urllib3").warning("retrying %s", LEAKS[1])

    monkeypatch.setattr(main, "application", lambda: command)
    monkeypatch.setattr(main, "signal", SimpleNamespace(signal=lambda *_: None, SIGTERM=15))
    main.run()
    assert caplog.messages == ["retrying refused [redacted], sk_live_[redacted]"]
