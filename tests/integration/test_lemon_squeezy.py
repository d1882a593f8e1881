"""A store at Lemon Squeezy from its lists and webhooks into the tables: to the unit what happened there."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import text

from conversion_sync.billing.registry import providers
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.pipeline.context import Context
from conversion_sync.pipeline.history import backfill, read_pasts
from conversion_sync.pipeline.inbox import billing_events, land_webhooks
from conversion_sync.pipeline.normalise import normalise
from conversion_sync.sandbox.process import start
from tests.conftest import Database
from tests.integration.world import rows

Json = dict[str, Any]
BOOKED = """
select kind, source_object_type, source_object_id, gross_minor, net_minor, currency, click_ids
from revenue_event where retired_at is null and lane = 'money' order by event_key
"""
SUMS = """
select currency, sum(net_minor) from revenue_event
where retired_at is null and lane = 'money' group by currency
"""


@pytest.fixture(scope="module")
def endpoints(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Json]:
    folder = tmp_path_factory.mktemp("sandbox")
    with start(folder, seed=15, customers=80, days=12, history_days=20, rate_limits=False) as found:
        yield found


@pytest.fixture
def ctx(endpoints: Json, database: Database, tmp_path: Path) -> Context:
    account = {
        "api_key": endpoints["credentials"]["lemon_squeezy_key"],
        "api_base": endpoints["lemon_squeezy"],
        "requests_per_minute": 100_000,
    }
    settings = settings_type().model_validate(
        {
            "start": endpoints["start"],
            "billing": {"lemon_squeezy": {"main": account}},
            "platforms": {},
        }
    )
    now = datetime.fromisoformat(endpoints["end"])
    return Context(
        settings=settings,
        engine=database.engine,
        providers=providers(settings),
        click_sources={},
        platforms={},
        catalogues={},
        clock=lambda: now,
    )


def told(endpoints: Json, path: str) -> Any:
    return requests.get(f"{endpoints['admin']}/{path}", timeout=60).json()


def deliver(ctx: Context, sent: list[Json]) -> None:
    with ctx.engine.begin() as connection:
        for one in sent:
            connection.execute(
                text(
                    "insert into webhook_inbox (provider, account, received_at, headers, body)"
                    " values ('lemon_squeezy', 'main', :at, '{}', :body)"
                ),
                {"at": datetime.fromisoformat(one["at"]), "body": json.dumps(one["body"]).encode()},
            )


def last_hours(ctx: Context) -> Window:
    return Window(ctx.clock() - timedelta(hours=24), ctx.clock())


def worth(truth: Json) -> dict[str, int]:
    sums: Counter[str] = Counter()
    for each in truth["payments"] + truth["returns"]:
        sums[each["currency"]] += each["net"]
    return dict(sums)


def test_the_past_the_last_hours_and_the_webhooks_make_one_book(endpoints: Json, ctx: Context) -> None:
    truth = told(endpoints, "truth/lemon_squeezy")
    read_pasts(ctx, last_hours(ctx))
    billing_events(ctx, last_hours(ctx))
    normalise(ctx, last_hours(ctx))
    assert dict(rows(ctx.engine, SUMS)) == worth(truth)
    deliver(ctx, told(endpoints, "webhooks/lemon_squeezy"))
    landed = billing_events(ctx, last_hours(ctx))
    normalise(ctx, last_hours(ctx))
    assert dict(rows(ctx.engine, SUMS)) == worth(truth)
    assert rows(ctx.engine, "select * from parked_record") == []
    assert landed.counts["lemon_squeezy:main webhooks"] > 100
    links = rows(ctx.engine, "select from_end, from_id, to_id from identity_link")
    assert {(end, name, to.split(":")[2]) for end, name, to in links} == {
        (link["from"], link["id"], link["is"]) for link in truth["links"]
    }


def test_webhooks_sent_again_and_rows_read_again_change_nothing(endpoints: Json, ctx: Context) -> None:
    sent = told(endpoints, "webhooks/lemon_squeezy")
    deliver(ctx, sent)
    billing_events(ctx, last_hours(ctx))
    normalise(ctx, last_hours(ctx))
    before = rows(ctx.engine, BOOKED), rows(ctx.engine, "select count(*) from raw_event")
    deliver(ctx, sent)
    billing_events(ctx, last_hours(ctx))
    normalise(ctx, last_hours(ctx))
    assert (rows(ctx.engine, BOOKED), rows(ctx.engine, "select count(*) from raw_event")) == before


def test_a_backfill_mends_what_webhooks_did_not_bring(endpoints: Json, ctx: Context) -> None:
    truth = told(endpoints, "truth/lemon_squeezy")
    kept = [one for one in told(endpoints, "webhooks/lemon_squeezy") if "refund" not in one["event"]]
    deliver(ctx, kept[::2])
    land_webhooks(ctx)
    normalise(ctx, last_hours(ctx))
    assert dict(rows(ctx.engine, SUMS)) != worth(truth)
    whole = Window(datetime.fromisoformat(endpoints["start"]), ctx.clock() + timedelta(hours=1))
    backfill(ctx, whole)
    assert dict(rows(ctx.engine, SUMS)) == worth(truth)
