"""The alarm about access: red when something is refused or ends soon, told when it changes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import dagster as dg
import pytest

from conversion_sync.credentials.forecast import Standing, standings
from conversion_sync.model.expiry import Notice, Urgency
from conversion_sync.orchestration.credentials import CHECK_CREDENTIALS, SENSOR
from conversion_sync.pipeline.configuration import settings_type
from tests.conftest import Database
from tests.orchestration.conftest import START, Script, definitions
from tests.orchestration.test_laws import said

LASTS = Notice(urgency=Urgency.LASTS, text="API v1.3, no end announced")
ENDS = Notice(urgency=Urgency.SOON, text="the consent ends on 2026-12-20.", remedy="Run connect.")
REFUSED = Notice(urgency=Urgency.NOW, text="refused on 2026-11-20: 40107 no", remedy="Run connect now.")


def standing(*notices: Notice, account: str = "main") -> Standing:
    return Standing(
        platform="tiktok",
        account=account,
        token="fetched",
        access_ends=None,
        access_days=None,
        refresh_ends=None,
        refresh_days=None,
        connected_at=None,
        refreshed_at=None,
        refused_at=None,
        refused="",
        held_rows=0,
        next_end=None,
        notices=notices,
    )


def checked(settings, instance: dg.DagsterInstance, *found: Standing) -> dg.ExecuteInProcessResult:
    job = definitions(settings, Script(credentials=found)).resolve_job_def(CHECK_CREDENTIALS)
    return job.execute_in_process(instance=instance, raise_on_error=False)


def test_access_that_lasts_is_a_green_run(settings, instance) -> None:
    assert checked(settings, instance, standing(LASTS)).success


def test_what_is_refused_or_ends_soon_is_a_red_run_that_says_what_to_do(settings, instance) -> None:
    result = checked(settings, instance, standing(REFUSED, LASTS), standing(ENDS, account="other"))
    assert said(result) == [
        (
            "tiktok:main: refused on 2026-11-20: 40107 no Remedy: Run connect now. "
            "tiktok:other: the consent ends on 2026-12-20. Remedy: Run connect."
        )
    ]


@pytest.fixture
def ticks(settings, monkeypatch: pytest.MonkeyPatch):
    """Ticks of the sensor one after the other, each with what it finds."""
    cursor: list[str | None] = [None]

    @contextmanager
    def opened(_: object) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(engine=None)

    monkeypatch.setattr("conversion_sync.store.open.open_database", opened)

    def tick(*found: Standing) -> dg.RunRequest | None:
        sensor = definitions(settings, Script(credentials=found)).get_repository_def().get_sensor_def(SENSOR)
        with dg.build_sensor_context(cursor=cursor[0], repository_def=None) as context:
            data = sensor.evaluate_tick(context)
        cursor[0] = data.cursor or cursor[0]
        return data.run_requests[0] if data.run_requests else None

    return tick


def test_the_sensor_asks_when_something_is_wrong_and_when_it_is_well_again(ticks) -> None:
    assert ticks(standing(LASTS)) is None
    first = ticks(standing(REFUSED))
    assert first is not None
    assert ticks(standing(REFUSED)) is None, "told today already"
    assert ticks(standing(REFUSED), standing(ENDS, account="other")) is not None
    assert ticks(standing(LASTS)) is not None, "green again"
    assert ticks(standing(LASTS)) is None


def test_what_stays_wrong_is_told_once_a_day(ticks, monkeypatch: pytest.MonkeyPatch) -> None:
    from conversion_sync.orchestration import credentials

    now = datetime.now(UTC)
    for days, asks in ((0, True), (0, False), (1, True), (1, False)):
        clock = SimpleNamespace(now=lambda _, at=now + timedelta(days=days): at)
        monkeypatch.setattr(credentials, "datetime", clock)
        assert (ticks(standing(REFUSED)) is not None) == asks


def test_the_standing_of_a_real_database_names_what_is_not_connected(database: Database) -> None:
    settings = settings_type().model_validate(
        {
            "start": START,
            "billing": {},
            "platforms": {
                "meta": {"main": {"dataset_id": "1", "access_token": "t"}},
                "tiktok": {"main": {"pixel_code": "P", "client_id": "i", "client_secret": "s"}},
            },
        }
    )
    found = standings(settings, database.engine, START)
    assert [(one.platform, one.token, one.urgency) for one in found] == [
        ("meta", "configured", Urgency.LASTS),
        ("tiktok", "fetched", Urgency.NOW),
    ]
    assert found[1].notices[0].text == "not connected: there is no token."
