"""The sensor asks for a delivery when something can leave, and only then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, make_url, text

from conversion_sync.config.settings import Database, Settings, UploadMode
from conversion_sync.orchestration.schedules import due_sensor
from conversion_sync.store.queries import query
from tests.integration.scripted import enable, payments
from tests.integration.world import HOUR, NOW, rows

DUE_NOW = "update conversion set deadline = now() + interval '1 day', not_before = now()"
LONG_AGO = (NOW - 9 * HOUR).isoformat()


def asked(settings: Settings, cursor: str = LONG_AGO) -> object:
    @dg.op
    def nothing() -> None:
        pass

    @dg.job
    def deliver_due() -> None:
        nothing()

    return due_sensor(settings, deliver_due)(dg.build_sensor_context(cursor=cursor))


def at(settings: Settings, url: str, mode: UploadMode) -> Settings:
    database = Database(url=SecretStr(url), dagster_database=str(make_url(url).database))
    return settings.model_copy(update={"upload_mode": mode, "database": database})


@pytest.mark.parametrize(
    ("mode", "answer"),
    [
        (UploadMode.LIVE, dg.RunRequest),
        (UploadMode.DRY_RUN, dg.SkipReason),
        (UploadMode.VALIDATE_ONLY, dg.SkipReason),
    ],
)
def test_what_became_due_is_delivered_only_where_uploads_are_live(settings, database, mode, answer) -> None:
    enable(database.engine, "meta")
    payments(database.engine, 1)
    with database.engine.begin() as connection:
        connection.execute(text(DUE_NOW))
    assert isinstance(asked(at(settings, database.url, mode)), answer)


def work(engine: Engine) -> list[tuple[str, str]]:
    now = datetime.now(UTC)
    with engine.begin() as connection:
        found = connection.execute(
            query("delivery/accounts_with_work"), {"now": now, "since": now - timedelta(hours=1)}
        )
        return [tuple(row) for row in found]


def test_an_account_that_is_no_longer_configured_asks_for_nothing(database) -> None:
    engine = enable(database.engine, "meta")
    payments(engine, 1)
    with engine.begin() as connection:
        connection.execute(text(DUE_NOW))
        connection.execute(
            text(
                "insert into settlement_poll (platform, account, request_ref, accepted_at, next_poll_at) "
                "values ('google_ads', 'gone', 'r1', now(), now() - interval '1 hour')"
            )
        )
    assert work(engine) == [("meta", "main")]
    with engine.begin() as connection:
        connection.execute(text("delete from plan_account"))
    assert work(engine) == []
    assert rows(engine, "select count(*)::int from conversion where state = 'planned'") == [(1,)]


OPEN = (
    "insert into delivery_breaker (platform, account, recent, opened_at, probe_at, openings, code, text) "
    "values ('meta', 'main', 'xxx', now() - interval '1 day', now() + cast(:ahead as interval), 9, '503', '')"
)


@pytest.mark.parametrize(
    ("ahead", "accounts"),
    [("5 minutes", []), ("-1 minute", [("meta", "main")]), ("-3 hours", [])],
    ids=["left alone", "pause over", "tried since"],
)
def test_rows_behind_an_open_breaker_are_woken_when_its_pause_is_over(database, ahead, accounts) -> None:
    engine = enable(database.engine, "meta")
    payments(engine, 1)
    with engine.begin() as connection:
        connection.execute(
            text(DUE_NOW.replace("not_before = now()", "not_before = now() - interval '2 days'"))
        )
        connection.execute(text(OPEN), {"ahead": ahead})
    assert work(engine) == accounts


def test_corrections_that_are_parked_keep_no_conversion_waiting(database) -> None:
    engine = enable(database.engine, "meta")
    payments(engine, 1)
    park = (
        "insert into delivery_pace (platform, account, bucket, next_at, day, parked_at, parked_until) "
        "values ('meta', 'main', :bucket, now(), current_date, now(), now() + interval '1 hour')"
    )
    with engine.begin() as connection:
        connection.execute(text(DUE_NOW))
        connection.execute(text(park), {"bucket": "corrections"})
    assert work(engine) == [("meta", "main")]
    with engine.begin() as connection:
        connection.execute(text(park), {"bucket": "conversions"})
    assert work(engine) == []
