"""What Lemon Squeezy says as records: one for each state, whichever way it came, and one for each webhook."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from conversion_sync.billing.lemon_squeezy.records import received, record_of
from conversion_sync.errors import DataError
from tests.unit.billing.lemon_records import (
    SEEN,
    customer,
    day,
    invoice,
    listed,
    order,
    parked,
    row,
    sent,
    subscription,
    webhook,
    written,
)


def test_a_webhook_holds_the_record_its_object_would_be_when_listed() -> None:
    thing, other = sent("subscription_payment_success", invoice())
    (same,) = listed(invoice())
    assert thing == same
    assert (thing.event_id[:33], thing.event_type) == (
        "object:subscription-invoices:1:" + thing.event_id[31:33],
        "object.subscription-invoices",
    )
    assert (thing.customer_ref, thing.invoice_ref, thing.created_at) == (
        "7",
        "subscription-invoices:1",
        day(0),
    )
    assert other.event_type == "webhook.subscription_payment_success"
    assert other.customer_ref == "7"


def test_a_webhook_sent_again_is_the_same_records_whenever_it_comes() -> None:
    body = webhook("order_created", order(changed=2), {"cs_user_id": "u1"})
    first, second = received(body, SEEN), received(body, SEEN + timedelta(days=3))
    names = [[(each.event_id, each.created_at) for each in records] for records in (first, second)]
    assert names[0] == names[1]
    assert first[1].created_at == day(2)
    other = received(webhook("order_created", order(changed=2), {"cs_user_id": "u2"}), SEEN)
    assert [each.event_id for each in other] == [names[0][0][0], other[1].event_id]
    assert other[1].event_id != names[0][1][0]


def test_a_webhook_without_a_time_is_of_the_moment_it_came() -> None:
    thing = row("affiliates", 1, 0, None, {"created_at": None, "updated_at": None, "customer_id": None})
    records = received(webhook("affiliate_activated", thing), SEEN)
    assert [(each.created_at, each.customer_ref) for each in records] == [(SEEN, None)] * 2


def test_pre_signed_addresses_are_neither_kept_nor_part_of_a_state() -> None:
    one, two = (
        order(urls={"receipt": "https://a/?signature=1"}),
        order(urls={"receipt": "https://a/?signature=2"}),
    )
    records = [*listed(one), *listed(two), *sent("order_created", one)]
    assert len({record.event_id for record in records}) == 2
    assert [record for record in records if "signature" in record.body] == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"meta": {"event_name": "order_created"}}',
        b'{"meta": {}, "data": {"type": "orders", "id": "1", "attributes": {}}}',
        b'{"meta": {"event_name": "x"}, "data": {"type": "orders", "id": "1"}}',
        b'{"meta": {"event_name": "x"}, "data": {"type": "orders", "id": null, "attributes": {}}}',
        b'{"meta": null, "data": null}',
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_body_that_is_no_webhook_is_refused(body: bytes) -> None:
    with pytest.raises(DataError) as caught:
        received(body, SEEN)
    assert caught.value.remedy


# -- custom data -----------------------------------------------------------------------------------------


def test_custom_data_is_joined_by_order_and_subscription() -> None:
    records = [
        *sent("order_created", order(101, 1000), {"cs_user_id": "u1", "cs_gclid": "g-1"}),
        *sent("subscription_created", subscription(), {"cs_anon_id": "v1", "cs_fbc": "fb.1"}),
        *listed(invoice(), invoice(2, 1000, 30, reason="renewal")),
        *listed(order(9, 500, 40)),
    ]
    book = written(records)
    assert {(str(link.from_end), link.from_id, link.evidence, link.source_ref) for link in book.links} == {
        ("user", "u1", "billing_metadata:cs_user_id", "orders:101"),
        ("visitor", "v1", "billing_metadata:cs_anon_id", "subscriptions:1"),
    }
    assert [(event.kind.value, event.click_ids) for event in book.events] == [
        ("first_payment", {"gclid": "g-1", "fbc": "fb.1"} and {"fbc": "fb.1", "gclid": "g-1"}),
        ("renewal", {"fbc": "fb.1", "gclid": "g-1"}),
        ("one_off_payment", {}),
    ]
    assert {contact.external_id for contact in book.contacts if contact.of == "user"} == {"u1"}


def test_custom_data_of_an_invoice_is_the_subscriptions() -> None:
    records = [*sent("subscription_payment_success", invoice(), {"cs_gclid": "g"}), *listed(subscription())]
    assert [event.click_ids for event in written(records).events] == [{"gclid": "g"}]


def test_custom_data_that_is_no_text_names_nobody() -> None:
    records = sent("order_created", order(), {"cs_user_id": {"id": 1}, "cs_anon_id": 17, "cs_gclid": ""})
    assert [(link.from_id, link.evidence) for link in written(records).links] == [
        ("17", "billing_metadata:cs_anon_id")
    ]


def test_of_each_kind_of_object_the_newest_says_who_the_customer_is() -> None:
    records = listed(
        customer(),
        customer(email="new@example.com", updated_at="2026-10-01T00:00:00.000000Z"),
        order(user_email="old@example.com"),
        subscription(),
    )
    contacts = {contact.of: contact for contact in written(records).contacts}
    assert {of: contact.email for of, contact in contacts.items()} == {
        "customer": "new@example.com",
        "order": "old@example.com",
        "subscription": "jane@example.com",
    }
    assert (contacts["customer"].city, contacts["customer"].country) == ("Berlin", "DE")
    assert {event.customer_country for event in written(records).events} == {"DE"}


# -- what nobody would guess about -----------------------------------------------------------------------

UNKNOWN: list[tuple[list[Any], list[tuple[str, str, str]], list[str]]] = [
    (
        listed(order(status="dreamt")),
        [("orders:1", "unknown_order_status", "dreamt")],
        [],
    ),
    (
        listed(order(), order(changed=2, status="dreamt")),
        [("orders:1", "unknown_order_status", "dreamt")],
        ["one_off_payment"],
    ),
    (
        listed(invoice(status="dreamt")),
        [("subscription-invoices:1", "unknown_invoice_status", "dreamt")],
        [],
    ),
    (
        listed(subscription(status="dreamt"), invoice()),
        [("1", "unknown_subscription_status", "dreamt")],
        ["first_payment"],
    ),
    (
        listed(subscription(), subscription(changed=3, status="paused", pause={"mode": "half"})),
        [("1", "unknown_pause_mode", "half")],
        ["pause"],
    ),
    (
        listed(invoice(reason="dreamt")),
        [("subscription-invoices:1", "unknown_billing_reason", "dreamt")],
        ["first_payment"],
    ),
    (listed(order(currency="usdx")), [("1", "unknown_currency", "USDX")], []),
    (listed(order(total=-5)), [("1", "negative_amount", "-5")], []),
    (
        listed(order(subtotal=0, discount_total="0")),
        [("orders:1", "unreadable_record", "TypeError")],
        [],
    ),
    (
        sent("comet_seen", order()),
        [("webhook:orders:1:2026-09-01T12:00:00.000000Z:", "unknown_webhook", "comet_seen")],
        ["one_off_payment"],
    ),
    (
        sent("license_key_created", row("license-keys", 1, 0, None, {"order_id": 1})),
        [],
        [],
    ),
    (
        listed(row("comets", 1, 0, None, {})),
        [("object:comets:1:", "unknown_type", "object.comets")],
        [],
    ),
    (
        listed(invoice(back=1500, status="refunded"), subscription()),
        [("1", "refund_exceeds_payment", "500")],
        ["first_payment", "refund"],
    ),
]


@pytest.mark.parametrize(("records", "expected", "kinds"), UNKNOWN, ids=lambda part: str(part)[:40])
def test_what_nobody_knows_is_kept_with_its_name(records: Any, expected: Any, kinds: Any) -> None:
    found = [
        (ref if any(ref == name for name, _, _ in expected) else ref[: len(name)], reason, detail)
        for (ref, reason, detail), (name, _, _) in zip(parked(records), expected, strict=True)
    ]
    assert found == expected
    assert [event.kind.value for event in written(records).events] == kinds


@pytest.mark.parametrize(
    ("currency", "digits", "words", "exponent"),
    [
        ("USD", 2, "$10.00", 2),
        ("JPY", 0, "¥1,000", 0),
        ("JPY", 0, None, 0),
        ("JPY", 0, "¥10", None),
        ("JPY", 0, "¥100,000", None),
        ("KWD", 3, "KD 1.000", 3),
        ("KWD", 3, "KD 10.00", 3),
        ("ISK", 2, "kr 10", 2),
    ],
)
def test_a_currency_nothing_is_documented_of_is_held_to_its_words(
    currency: str, digits: int, words: str | None, exponent: int | None
) -> None:
    records = listed(order(1, 1000, currency=currency, total_formatted=words))
    book = written(records)
    assert [event.exponent for event in book.events] == ([] if exponent is None else [exponent])
    assert [one.reason for one in book.parked] == (["amount_in_doubt"] if exponent is None else [])


# -- when it was paid ------------------------------------------------------------------------------------

TIMES = [
    ("made paid", [invoice(made=3)], 3, "second"),
    ("made paid, changed since", [invoice(made=3, changed=9)], 3, "approximated"),
    ("both are known", [invoice(made=3, changed=9), invoice(made=3)], 3, "second"),
    ("waited for", [invoice(made=3, status="pending"), invoice(made=3, changed=5)], 5, "approximated"),
    (
        "waited for, and first seen when part was back",
        [
            invoice(made=3, status="pending"),
            invoice(made=3, changed=9, back=100, status="partial_refund",
                    refunded_at="2026-09-08T12:00:00.000000Z"),
        ],
        7,
        "approximated",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rows", "paid", "precision"), TIMES, ids=[time[0] for time in TIMES])
def test_when_it_was_paid_is_as_exact_as_states_tell(
    name: str, rows: Any, paid: float, precision: str
) -> None:
    first = written(listed(*rows)).events[0]
    assert (first.kind.value, first.occurred_at, first.occurred_at_precision.value) == (
        "first_payment",
        day(paid),
        precision,
    )


def test_a_payment_is_of_the_record_that_told_it_first() -> None:
    records = listed(invoice(), invoice(changed=4, back=100, status="partial_refund"))
    assert [event.source_event_id for event in written(records).events] == [
        record.event_id for record in records
    ]


def test_an_object_without_its_times_is_of_when_it_was_seen() -> None:
    record = record_of(order(created_at=None, updated_at=None), SEEN)
    assert record.created_at == SEEN
    assert [event.occurred_at for event in written([record]).events] == [SEEN]
    assert json.loads(record.body)["listed_at"] == SEEN.isoformat()


def test_an_order_and_an_invoice_of_one_number_keep_their_refunds_apart() -> None:
    records = listed(
        subscription(),
        invoice(1, 1000, 0, 3, back=400, status="partial_refund"),
        order(1, 500, 0, 4, back=500, status="refunded"),
    )
    back = [event for event in written(records).events if event.kind == "refund"]
    assert [(event.source_object_type, event.net_minor, event.net_after_minor) for event in back] == [
        ("subscription_invoice", -400, 600),
        ("order", -500, 0),
    ]
