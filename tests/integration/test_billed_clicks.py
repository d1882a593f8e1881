"""Click ids in billing metadata are clicks of the customer: once, at their own time, earning its payments."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine

from conversion_sync.attribution.identify import identify
from conversion_sync.model.click import ClickIdKind, Consent
from conversion_sync.pipeline.build import context
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.pipeline.context import Context
from conversion_sync.pipeline.normalise import normalise
from conversion_sync.pipeline.pull import land_record_page
from conversion_sync.reports.explain import explain
from tests.integration.world import CUSTOMER, DAY, HOUR, NOW, TINY, click, configure, land, link, rooms, rows
from tests.unit.billing.stripe_records import event, invoice, seconds

GCLID = "Cj0KCQ" + "g" * 50
PAID = "stripe:main:invoice:in_1:first_payment"


@pytest.fixture
def engine(database) -> Engine:
    configure(database.engine, "google_ads", "meta", rules=(("first_payment", "purchase"),))
    return database.engine


@pytest.fixture
def ctx(engine) -> Context:
    content = {"start": "2026-01-01T00:00:00Z", "billing": {"stripe": {"main": {"api_key": "k"}}}}
    settings = settings_type().model_validate(content | {"platforms": {}, "actions": {}})
    return context(settings, engine, run_id="run-1", clock=lambda: NOW)


def paid(**metadata: str) -> object:
    return event("invoice.paid", invoice("in_1", paid_at=NOW - HOUR, metadata=metadata), NOW - HOUR)


def customer(ago: timedelta, **metadata: str) -> object:
    thing = {"id": "cus_1", "object": "customer", "created": seconds(NOW - 9 * DAY), "metadata": metadata}
    return event("customer.updated", thing, NOW - ago)


def told(ctx: Context, *records: object) -> dict[str, int]:
    land_record_page(ctx.engine, ("stripe", "main"), records, NOW - 400 * DAY)  # type: ignore[arg-type]
    counts = dict(normalise(ctx, TINY).counts)
    rooms(ctx.engine, window=TINY)
    return {name: counts[name] for name in ("clicks", "clicks quarantined")}


def sent(engine: Engine) -> dict[str, tuple[str, str | None, object]]:
    found = rows(
        engine,
        "select platform, reason, click_id, clicked_at from conversion where event_key = :key "
        "and reason <> 'replanned'",
        key=PAID,
    )
    return {platform: (reason, click_id, at) for platform, reason, click_id, at in found}


def test_a_click_id_in_metadata_earns_the_payment_at_its_own_time(ctx) -> None:
    at = NOW - 3 * DAY
    record = paid(cs_gclid=GCLID, cs_fbclid="IwAR1", cs_click_ts=str(seconds(at)))
    assert told(ctx, record) == {"clicks": 1, "clicks quarantined": 0}
    assert sent(ctx.engine) == {"google_ads": ("ready", GCLID, at), "meta": ("ready", "IwAR1", at)}
    assert told(ctx, record) == {"clicks": 0, "clicks quarantined": 0}
    [explained] = explain(ctx.engine, "in_1")
    assert [(proof["evidence"], proof["source_ref"]) for proof in explained.identity] == [
        ("billing_metadata:click_id", "in_1")
    ]


def test_without_a_time_the_click_is_as_old_as_the_object(ctx) -> None:
    told(ctx, paid(), customer(DAY, cs_gclid=GCLID))
    assert sent(ctx.engine)["google_ads"] == ("ready", GCLID, NOW - 9 * DAY)


def test_an_id_that_arrives_after_the_payment_opens_it_again(ctx) -> None:
    told(ctx, paid())
    assert sent(ctx.engine)["google_ads"][0] == "no_click"
    told(ctx, customer(timedelta(), cs_gclid=GCLID))
    assert sent(ctx.engine)["google_ads"][0] == "ready"


def test_an_id_that_can_be_none_is_put_aside_and_the_others_count(ctx) -> None:
    counts = told(ctx, paid(cs_gclid="Cj0", cs_fbclid="IwAR1"))
    assert counts == {"clicks": 1, "clicks quarantined": 1}
    assert rows(ctx.engine, "select source, reason from quarantined_click") == [
        ("billing_metadata:stripe:main", "truncated_gclid")
    ]
    assert {platform: reason for platform, (reason, *_) in sent(ctx.engine).items()} == {
        "google_ads": "no_click",
        "meta": "ready",
    }


@pytest.mark.parametrize(
    ("consent", "reason"),
    [(Consent.GRANTED, "ready"), (Consent.UNKNOWN, "ready"), (Consent.DENIED, "no_consent")],
)
def test_the_click_table_tells_a_repeated_click_better_and_who_refused_there_has_refused(
    ctx, consent, reason
) -> None:
    land(ctx.engine, click("c", 2 * DAY, click_id=GCLID, consent=consent))
    link(ctx.engine, "visitor", "v1", "customer", CUSTOMER)
    told(ctx, paid(cs_gclid=GCLID, cs_click_ts=str(seconds(NOW - 3 * DAY))))
    assert sent(ctx.engine)["google_ads"] == (reason, GCLID, NOW - 2 * DAY)
    assert rows(ctx.engine, "select distinct touches from attributed_click") == [(1,)]


def test_a_refusal_left_with_the_id_counts(ctx) -> None:
    told(ctx, paid(cs_gclid=GCLID), customer(DAY, cs_gclid=GCLID, cs_ad_user_data="denied"))
    assert sent(ctx.engine)["google_ads"][0] == "no_consent"


def test_what_the_objects_no_longer_tell_goes(ctx) -> None:
    told(ctx, paid(), customer(DAY, cs_gclid=GCLID))
    with ctx.engine.begin() as connection:
        connection.exec_driver_sql("delete from raw_event where event_type = 'customer.updated'")
        connection.exec_driver_sql(f"insert into dirty values ('normalise', '{CUSTOMER}')")
    assert dict(normalise(ctx, TINY).counts)["clicks"] == 1
    identify(ctx.engine)
    assert rows(ctx.engine, "select (select count(*) from click), (select count(*) from touch)") == [(0, 0)]
    rooms(ctx.engine, window=TINY)
    assert sent(ctx.engine)["google_ads"][0] == "no_click"


def test_the_network_a_platform_is_told_by_is_the_ids_own(ctx) -> None:
    told(ctx, paid(**{f"cs_{ClickIdKind.RDT_CID}": "r", "cs_fbp": "fb.1.1.2"}))
    assert rows(ctx.engine, "select network, click_id_kind from touch") == [("reddit", "rdt_cid")]
