"""Webhooks in any order, twice, again later, or beside the pull: the books are those of the pull alone."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
from sqlalchemy import Engine

from conversion_sync.billing.provider import RawRecord
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.build import context as build_context
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.pipeline.context import Context
from conversion_sync.pipeline.inbox import land_webhooks
from conversion_sync.pipeline.normalise import normalise
from conversion_sync.pipeline.pull import land_record_page, pull_billing
from conversion_sync.sandbox.process import start
from tests.conftest import Database, cloned
from tests.integration.receiver.serving import SECRET, STRIPE, serving, signed
from tests.integration.world import rows

ACCOUNT = ("stripe", "main")
BOOKS = (
    (
        "select to_jsonb(event) - 'observed_at' - 'transport' - 'revision' from revenue_event as event"
        " where retired_at is null order by event_key"
    ),
    (
        "select from_end, from_id, to_end, to_id, evidence, source_ref, linked_at from identity_link"
        " order by 1, 2, 3, 4, 5, 6"
    ),
    "select provider, account, source_ref, reason, detail from parked_record order by 1, 2, 3, 4",
    "select provider, account, event_id, created_at, resolved_customer from raw_event order by 1, 2, 3",
)


@dataclass(frozen=True)
class Told:
    """What the vendor holds, as webhook bodies with their ids, and the books its event list gives."""

    address: str
    key: str
    window: Window
    pulled: Mapping[str, RawRecord]
    bodies: Mapping[str, bytes]
    books: list[list[tuple[Any, ...]]]


def on(engine: Engine, address: str, key: str) -> Context:
    account = {"api_key": key, "api_base": address, "webhook_secrets": [SECRET]}
    settings = settings_type().model_validate(
        {"start": "2026-01-01T00:00:00Z", "billing": {"stripe": {"main": account}}, "platforms": {}}
    )
    return build_context(settings, engine, run_id="r")


def books(engine: Engine) -> list[list[tuple[Any, ...]]]:
    return [[tuple(row) for row in rows(engine, asked)] for asked in BOOKS]


@pytest.fixture(scope="module")
def told(server, tmp_path_factory) -> Iterator[Told]:
    """A small business, with invoices of more lines than one embeds."""
    with (
        start(tmp_path_factory.mktemp("sandbox"), seed=15, customers=30, days=6, history_days=3) as endpoints,
        cloned(server) as database,
    ):
        first, last = (datetime.fromisoformat(endpoints[name]) for name in ("start", "end"))
        window = Window(first - timedelta(days=1), last + timedelta(days=1))
        address, key = endpoints["stripe"], endpoints["credentials"]["stripe_key"]
        ctx = on(database.engine, address, key)
        pull_billing(ctx, window)
        normalise(ctx, window)
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {key}"
            bodies = {event["id"]: json.dumps(event).encode() for event in _listed(session, address)}
        records = {
            record.event_id: record for page in ctx.providers[ACCOUNT]().pull(window) for record in page
        }
        yield Told(
            address,
            key,
            window,
            records,
            {event_id: bodies[event_id] for event_id in records},
            books(database.engine),
        )


def _listed(session: requests.Session, address: str) -> Iterator[dict[str, Any]]:
    cursor: dict[str, str] = {}
    while True:
        page = session.get(f"{address}/v1/events", params={"limit": "100", **cursor}).json()
        yield from page["data"]
        if not page["has_more"]:
            return
        cursor = {"starting_after": page["data"][-1]["id"]}


def test_a_webhook_is_the_record_that_is_pulled(told: Told, database: Database) -> None:
    provider = on(database.engine, told.address, told.key).providers[ACCOUNT]()
    cut = [
        one
        for one in told.bodies.values()
        if json.loads(one)["data"]["object"].get("lines", {}).get("has_more")
    ]
    assert cut
    for event_id, body in told.bodies.items():
        assert provider.received(body, told.window.end) == [told.pulled[event_id]]


@pytest.mark.parametrize("seed", range(3))
def test_any_order_and_number_of_webhooks_gives_the_same_books(
    told: Told, database: Database, seed: int
) -> None:
    chance = random.Random(seed)
    ctx = on(database.engine, told.address, told.key)
    sent = [*told.bodies.values(), *chance.sample(list(told.bodies.values()), 100)]
    chance.shuffle(sent)
    pulled = chance.sample(list(told.pulled.values()), len(told.pulled) // 4)
    with (
        serving(database.url, ctx.settings, lambda: told.window.end) as receiver,
        requests.Session() as session,
    ):
        for place, body in enumerate(sent):
            headers = signed(body, at=told.window.end)
            assert session.post(receiver + STRIPE, body, headers=headers).status_code == 200
            if place == len(sent) // 3:
                land_record_page(ctx.engine, ACCOUNT, pulled, told.window.start)
            if place in (len(sent) // 4, len(sent) // 2):
                land_webhooks(ctx)
                normalise(ctx, Window(told.window.start, told.window.start + timedelta(hours=1)))
    land_webhooks(ctx)
    normalise(ctx, Window(told.window.start, told.window.start + timedelta(hours=1)))
    assert books(database.engine) == told.books
    assert rows(database.engine, "select count(*) from webhook_inbox") == [(0,)]
