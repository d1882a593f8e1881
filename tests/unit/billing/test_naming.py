"""Click ids a company left with billing objects: each once, at its own time or when the object was made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from conversion_sync.billing.facts import Naming
from conversion_sync.billing.naming import click_time, clicks, links
from conversion_sync.model.revenue import BilledClick
from tests.unit.billing.stripe_records import CUSTOMER, KEYS, day, event, invoice, seconds, written

AT = datetime(2026, 9, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def naming(source: str, after: timedelta = timedelta(), **values: str) -> Naming:
    return Naming(values=values, source=source, at=AT + 9 * HOUR, made_at=AT + after)


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-09-01T14:00:00+02:00", AT),
        ("2026-09-01T12:00:00Z", AT),
        ("2026-09-01 12:00:00", AT),
        (str(seconds(AT)), AT),
        (seconds(AT), AT),
        (str(seconds(AT) * 1000 + 250), AT + timedelta(milliseconds=250)),
        ("yesterday", None),
        ("9" * 30, None),
        ("", None),
        (None, None),
    ],
)
def test_a_click_time_is_read_as_products_write_it(written: object, moment: datetime | None) -> None:
    assert click_time(written) == moment


def test_each_click_id_counts_once_at_its_own_time_or_when_the_first_object_was_made() -> None:
    found = clicks(
        [
            naming("in_1", 5 * HOUR, cs_gclid="g", cs_user_id="u"),
            naming("sub_1", 4 * HOUR, cs_gclid="g", cs_fbclid="f", cs_fbp="browser"),
            naming("cus_1", 3 * HOUR, cs_gclid="g", cs_click_ts=str(seconds(AT)), cs_ad_user_data="denied"),
            naming("cus_1", 2 * HOUR, cs_rdt_cid="r", cs_click_ts="soon"),
        ],
        [],
    )
    assert list(found) == [
        BilledClick(source_ref="cus_1", clicked_at=AT, click_ids={"gclid": "g"}, ad_user_data="denied"),
        BilledClick(source_ref="cus_1", clicked_at=AT + 2 * HOUR, click_ids={"rdt_cid": "r"}),
        BilledClick(source_ref="sub_1", clicked_at=AT + 4 * HOUR, click_ids={"fbclid": "f"}),
    ]


def test_a_book_holds_the_clicks_of_all_its_objects_whatever_told_them_first() -> None:
    session = {
        "id": "cs_1",
        "customer": "cus_1",
        "created": seconds(day(0)),
        "client_reference_id": "u1",
        "metadata": {"cs_gclid": "g"},
    }
    records = [
        event("checkout.session.completed", session, day(0) + HOUR),
        event("invoice.paid", invoice("in_1", paid_at=day(0), metadata={"cs_gclid": "g"}), day(0)),
    ]
    for order in (records, records[::-1]):
        [found] = written(order).clicks
        assert (found.clicked_at, found.click_ids) == (day(0), {"gclid": "g"})


def test_who_a_customer_was_before_is_a_link_and_a_missing_name_is_none() -> None:
    found = links(
        CUSTOMER,
        [
            naming("cus_1", cs_former_customer="lemon_squeezy:store:7", cs_user_id="undefined"),
            naming("sub_1", cs_former_customer=CUSTOMER, cs_anon_id=" null"),
            naming("sub_2", cs_former_customer="7", cs_user_id="u1"),
        ],
        KEYS,
    )
    assert [(link.from_end, link.from_id, link.to_id, link.evidence, link.source_ref) for link in found] == [
        ("customer", "lemon_squeezy:store:7", CUSTOMER, "billing_metadata:cs_former_customer", "cus_1"),
        ("user", "u1", CUSTOMER, "billing_metadata:cs_user_id", "sub_2"),
    ]
