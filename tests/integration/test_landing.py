"""Raw records and clicks are landed once, in any order; a record without a customer finds its customer."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from conversion_sync.billing.provider import RawRecord
from conversion_sync.clicks.source import ClickPage
from conversion_sync.model.click import ClickIdKind, QuarantinedClick
from conversion_sync.pipeline.land_clicks import land_click_page
from conversion_sync.pipeline.pull import land_record_page
from tests.integration.world import DAY, HOUR, NOW, click, rows

ACCOUNT = ("stripe", "main")


def record(
    event_id: str,
    *,
    customer: str | None = None,
    invoice: str | None = None,
    payment: str | None = None,
    ago: timedelta = HOUR,
    body: str = '{"b": 1, "a": 2}',
) -> RawRecord:
    return RawRecord(
        event_id=event_id,
        event_type="test",
        created_at=NOW - ago,
        livemode=True,
        api_version="v",
        customer_ref=customer,
        invoice_ref=invoice,
        payment_ref=payment,
        body=body,
    )


def customers(engine: Engine) -> dict[str, str | None]:
    return dict(rows(engine, "select event_id, resolved_customer from raw_event"))


def dirty(engine: Engine, room: str) -> list[str]:
    return [key for (key,) in rows(engine, "select key from dirty where room = :room order by 1", room=room)]


def test_a_page_read_again_lands_nothing_new(database) -> None:
    page = [record("evt_1", customer="cus_1"), record("evt_2", customer="cus_2", ago=3 * HOUR)]
    assert land_record_page(database.engine, ACCOUNT, page, NOW - 2 * HOUR) == (2, 1)
    assert land_record_page(database.engine, ACCOUNT, page, NOW - 2 * HOUR) == (0, 0)
    assert dirty(database.engine, "normalise") == ["stripe:main:cus_1", "stripe:main:cus_2"]


def test_a_body_is_kept_to_the_letter(database) -> None:
    body = '{"b": 1,  "a": "Zoë — 東京 🧾", "amount": 1.10}'
    land_record_page(database.engine, ACCOUNT, [record("evt_1", body=body)], NOW)
    assert rows(database.engine, "select body::text from raw_event") == [(body,)]


CHAIN = (
    record("refund", payment="pi_1"),
    record("payment", invoice="in_1", payment="pi_1"),
    record("invoice", invoice="in_1", customer="cus_1"),
    record("other", invoice="in_2", payment="pi_2"),
)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_refund_finds_its_customer_through_payment_and_invoice_in_any_order(database, order) -> None:
    for place in order:
        land_record_page(database.engine, ACCOUNT, [CHAIN[place], CHAIN[3]], NOW)
    assert customers(database.engine) == {
        "refund": "cus_1",
        "payment": "cus_1",
        "invoice": "cus_1",
        "other": None,
    }
    assert dirty(database.engine, "normalise") == ["stripe:main:cus_1"]


def test_records_of_one_page_resolve_each_other(database) -> None:
    page = list(CHAIN)
    random.Random(3).shuffle(page)
    land_record_page(database.engine, ACCOUNT, page, NOW)
    assert customers(database.engine)["refund"] == "cus_1"


def test_clicks_land_once_and_a_changed_row_replaces_itself(database) -> None:
    page = ClickPage(clicks=[click("c1", HOUR), click("c2", 3 * HOUR)], quarantined=())
    assert land_click_page(database.engine, page, NOW - 2 * HOUR) == (2, 1)
    assert land_click_page(database.engine, page, NOW - 2 * HOUR) == (0, 0)
    changed = ClickPage(clicks=[click("c1", HOUR, visitor="v9", user="u9")], quarantined=())
    assert land_click_page(database.engine, changed, NOW - 2 * HOUR) == (1, 0)
    assert rows(database.engine, "select click_ref, visitor_id from click order by 1") == [
        ("c1", "v9"),
        ("c2", "v1"),
    ]
    assert dirty(database.engine, "identify") == ["v1", "v9"]


def test_a_click_of_a_signed_in_visitor_is_evidence_of_who_they_are(database) -> None:
    page = ClickPage(
        clicks=[click("c1", 2 * DAY, user="u1"), click("c2", DAY, ClickIdKind.FBCLID, user="u1")],
        quarantined=(),
    )
    land_click_page(database.engine, page, NOW)
    assert rows(
        database.engine, "select from_end, from_id, to_end, to_id, evidence, linked_at from identity_link"
    ) == [("visitor", "v1", "user", "u1", "click_table", NOW - DAY)]


def test_unusable_rows_are_kept_with_their_reason_until_they_are_mended(database) -> None:
    bad = QuarantinedClick(source="web", click_ref="7", reason="no_time", detail="ts is empty")
    for _ in range(2):
        land_click_page(database.engine, ClickPage(clicks=(), quarantined=[bad, bad]), NOW)
    kept = "select source, click_ref, reason, detail from quarantined_click"
    assert rows(database.engine, kept) == [("web", "7", "no_time", "ts is empty")]
    land_click_page(database.engine, ClickPage(clicks=[click("7", HOUR)], quarantined=()), NOW)
    assert rows(database.engine, kept) == []
