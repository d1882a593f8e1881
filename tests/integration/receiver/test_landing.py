"""Webhooks become raw records once, whichever way and how often they come; what nobody can read is parked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from conversion_sync.billing.stripe.records import record_of
from conversion_sync.errors import TransientError
from conversion_sync.model.windows import Window
from conversion_sync.pipeline import inbox as room
from conversion_sync.pipeline.build import context as build_context
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.pipeline.context import Context
from conversion_sync.pipeline.inbox import billing_events, land_webhooks
from conversion_sync.pipeline.pull import land_record_page
from tests.integration.receiver.serving import NOW, settings
from tests.integration.world import rows

THIN = {
    "id": "evt_thin",
    "object": "v2.core.event",
    "type": "v1.invoice.paid",
    "created": "2026-11-20T11:00:00.000Z",
    "livemode": True,
    "related_object": {"id": "in_1", "type": "invoice", "url": "/v1/invoices/in_1"},
    "snapshot_event": "evt_1",
}


def event(number: int, **more: Any) -> dict[str, Any]:
    thing = {"id": f"cus_{number}", "object": "customer", "metadata": {}}
    return {
        "id": f"evt_{number}",
        "object": "event",
        "type": "customer.updated",
        "created": int((NOW - timedelta(hours=1)).timestamp()),
        "livemode": True,
        "api_version": "2026-10-28.endive",
        "data": {"object": thing},
    } | more


def body(thing: Mapping[str, Any]) -> bytes:
    return json.dumps(thing, separators=(",", ":"), ensure_ascii=False).encode()


def kept(engine: Engine, *bodies: bytes, provider: str = "stripe", account: str = "main") -> None:
    """What the receiver would have kept."""
    with engine.begin() as connection:
        for one in bodies:
            connection.execute(
                text(
                    "insert into webhook_inbox (provider, account, received_at, headers, body)"
                    " values (:provider, :account, :now, '{}', :body)"
                ),
                {"provider": provider, "account": account, "now": NOW, "body": one},
            )


@pytest.fixture
def ctx(database) -> Context:
    return build_context(settings(), database.engine, run_id="r", clock=lambda: NOW)


def raw(engine: Engine) -> list[tuple[Any, ...]]:
    return rows(engine, "select account, event_id, transport, body::text from raw_event order by 1, 2")


def waiting(engine: Engine) -> list[tuple[Any, ...]]:
    return rows(engine, "select body, parked_reason from webhook_inbox order by inbox_id")


def test_webhooks_become_raw_records_and_leave_the_inbox(ctx) -> None:
    kept(ctx.engine, body(event(1)), body(event(2)))
    kept(ctx.engine, body(event(1)), account="quiet")
    assert land_webhooks(ctx).counts == {
        "stripe:main webhooks": 2,
        "stripe:main webhooks new": 2,
        "stripe:quiet webhooks": 1,
        "stripe:quiet webhooks new": 1,
    }
    assert [row[:3] for row in raw(ctx.engine)] == [
        ("main", "evt_1", "webhook"),
        ("main", "evt_2", "webhook"),
        ("quiet", "evt_1", "webhook"),
    ]
    assert waiting(ctx.engine) == []
    assert rows(ctx.engine, "select key from dirty where room = 'normalise' order by 1") == [
        ("stripe:main:cus_1",),
        ("stripe:main:cus_2",),
        ("stripe:quiet:cus_1",),
    ]
    assert land_webhooks(ctx).counts == {}


def test_an_event_that_was_pulled_is_the_same_row(ctx) -> None:
    pulled = record_of(body(event(1)), lambda _: [])
    assert land_record_page(ctx.engine, ("stripe", "main"), [pulled], NOW) == (1, 1)
    kept(ctx.engine, body(event(1)), body(event(2)), body(event(2, pending_webhooks=3)))
    assert land_webhooks(ctx).counts == {"stripe:main webhooks": 3, "stripe:main webhooks new": 1}
    assert land_record_page(
        ctx.engine, ("stripe", "main"), [record_of(body(event(2)), lambda _: [])], NOW
    ) == (0, 0)
    assert [row[1:3] for row in raw(ctx.engine)] == [("evt_1", "events"), ("evt_2", "webhook")]


def test_a_thin_event_is_kept_as_it_is(ctx) -> None:
    kept(ctx.engine, body(THIN))
    land_webhooks(ctx)
    [(_, event_id, transport, text_of_it)] = raw(ctx.engine)
    assert (event_id, transport, json.loads(text_of_it)) == ("evt_thin", "webhook", THIN)


def test_what_lemon_squeezy_tells_in_webhooks_alone_is_kept_however_often_it_comes(database) -> None:
    order = {
        "type": "orders",
        "id": "1",
        "attributes": {"customer_id": 7, "created_at": "2026-11-20T10:00:00.000000Z", "test_mode": False},
    }
    told = {"event_name": "order_created", "test_mode": False, "custom_data": {"gclid": "TeSter-123"}}
    billing = {"lemon_squeezy": {"main": {"api_key": "key_of_nobody"}}}
    chosen = settings_type().model_validate(
        {"start": "2026-01-01T00:00:00Z", "billing": billing, "platforms": {}}
    )
    ctx = build_context(chosen, database.engine, run_id="r", clock=lambda: NOW)
    webhook = body({"meta": told, "data": order})
    for _ in range(2):
        kept(database.engine, webhook, webhook, provider="lemon_squeezy")
        land_webhooks(ctx)
    bodies = rows(database.engine, "select body::text from raw_event where event_type like 'webhook%'")
    assert [json.loads(one)["meta"]["custom_data"] for (one,) in bodies] == [{"gclid": "TeSter-123"}]
    assert rows(database.engine, "select key from dirty where room = 'normalise'") == [
        ("lemon_squeezy:main:7",)
    ]
    assert waiting(database.engine) == []


UNREADABLE = {
    b"": "The body of a Stripe webhook holds no event (JSONDecodeError).",
    b"[1]": "The body of a Stripe webhook holds no event (ValidationError).",
    b'{"id": "evt_3"}': "The body of a Stripe webhook holds no event (ValidationError).",
    b'{"\xff': "The body of a Stripe webhook holds no event (UnicodeDecodeError).",
    b"[" * 100_000: "The body of a Stripe webhook holds no event (RecursionError).",
    body(event(4, livemode=True, created=10**12)): (
        "The body of a Stripe webhook holds no event (ValueError)."
    ),
    json.dumps(event(6, type="a\0b")).encode(): (
        "The database does not keep it: PostgreSQL text fields cannot contain NUL (0x00) bytes."
    ),
    json.dumps(event(7, amount=float("nan"))).encode(): (
        "The body of a Stripe webhook holds no event (DecodeError)."
    ),
}


def test_what_nobody_can_read_is_parked_with_the_reason_and_keeps_nothing_out(ctx) -> None:
    good = [body(event(100 + number)) for number in range(20)]
    kept(ctx.engine, *good[:7], *UNREADABLE, *good[7:])
    counts = land_webhooks(ctx).counts
    assert counts == {
        "stripe:main webhooks": 28,
        "stripe:main webhooks new": 20,
        "stripe:main webhooks parked": 8,
    }
    assert len(raw(ctx.engine)) == 20
    assert dict(waiting(ctx.engine)) == UNREADABLE
    assert land_webhooks(ctx).counts == {}


def test_another_release_tries_what_the_last_one_parked(ctx, monkeypatch) -> None:
    kept(ctx.engine, body({"id": "evt_1"}))
    land_webhooks(ctx)
    with ctx.engine.begin() as connection:
        connection.execute(text("update webhook_inbox set body = :body"), {"body": body(event(1))})
    assert land_webhooks(ctx).counts == {}
    monkeypatch.setattr(room, "release", lambda: "the next")
    assert land_webhooks(ctx).counts == {"stripe:main webhooks": 1, "stripe:main webhooks new": 1}


class Away:
    """A provider whose vendor has to be asked for the rest of the first webhook, and does not answer."""

    def __init__(self, provider: Any) -> None:
        self.close, self.retention = provider.close, provider.retention
        self._received = provider.received

    def received(self, one: bytes, at: datetime) -> Any:
        if b"evt_1" in one:
            raise TransientError("Stripe (main) could not answer.", remedy="Wait.")
        return self._received(one, at)


def test_what_a_vendor_must_complete_waits_until_it_answers(ctx) -> None:
    kept(ctx.engine, body(event(1)), body(event(2)))
    make = ctx.providers["stripe", "main"]
    away = replace(ctx, providers={("stripe", "main"): lambda: Away(make())})
    assert land_webhooks(away).counts == {
        "stripe:main webhooks": 2,
        "stripe:main webhooks new": 1,
        "stripe:main webhooks left": 1,
    }
    assert waiting(ctx.engine) == [(body(event(1)), None)]
    assert land_webhooks(ctx).counts == {"stripe:main webhooks": 1, "stripe:main webhooks new": 1}


def test_two_runs_share_the_work(ctx) -> None:
    kept(ctx.engine, body(event(1)), body(event(2)))
    with ctx.engine.begin() as connection:
        connection.execute(text("select 1 from webhook_inbox order by inbox_id limit 1 for update"))
        assert land_webhooks(ctx).counts == {"stripe:main webhooks": 1, "stripe:main webhooks new": 1}
    assert land_webhooks(ctx).counts == {"stripe:main webhooks": 1, "stripe:main webhooks new": 1}


def test_more_than_a_batch_is_landed_in_one_go(ctx, monkeypatch) -> None:
    monkeypatch.setattr(room, "BATCH", 3)
    kept(ctx.engine, *(body(event(number)) for number in range(8)), b"nonsense")
    assert land_webhooks(ctx).counts == {
        "stripe:main webhooks": 9,
        "stripe:main webhooks new": 8,
        "stripe:main webhooks parked": 1,
    }


def test_the_hourly_room_lands_webhooks_even_where_the_vendor_does_not_answer(ctx) -> None:
    kept(ctx.engine, body(event(1)))

    class Down(Away):
        def pull(self, window: Window) -> Any:
            raise TransientError("Stripe (main) could not answer.", remedy="Wait.")

    make = ctx.providers["stripe", "main"]
    down = replace(ctx, providers={("stripe", "main"): lambda: Down(make())})
    kept(ctx.engine, body(event(2)))
    hour = Window(datetime(2026, 11, 20, 11, tzinfo=UTC), datetime(2026, 11, 20, 12, tzinfo=UTC))
    with pytest.raises(TransientError):
        billing_events(down, hour)
    assert [row[1] for row in raw(ctx.engine)] == ["evt_2"]
