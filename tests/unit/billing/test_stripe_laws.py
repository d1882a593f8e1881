"""The laws of a customer's book: any order, any copies, any part of what is known."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.normalise import book
from conversion_sync.model.revenue import CustomerKey, EventKey
from tests.unit.billing.stripe_records import (
    KEYS,
    charge_refunded,
    customer,
    day,
    event,
    line,
    paid,
    paid_by,
    refund,
    session,
    subscription,
    written,
)

HISTORY = [
    customer(0, {"cs_user_id": "u1"}, "created"),
    subscription("created", "trialing", metadata={"cs_anon_id": "v1"}),
    paid("in_0", 0),
    subscription("updated", "active", day(14), was={"status": "trialing"}),
    paid("in_1", 1190, net=1000, reason="subscription_cycle", paid_at=day(14)),
    paid_by(at=day(14)),
    session(14, "u1"),
    paid(
        "in_2",
        2380,
        net=2000,
        reason="subscription_cycle",
        paid_at=day(44),
        lines=[line(500, proration=True), line(1500)],
    ),
    paid_by("in_2", "pi_2", day(44)),
    refund("re_1", 400, created=day(20)),
    refund("re_2", 400, status="pending", created=day(21)),
    refund("re_2", 400, status="succeeded", kind="updated", created=day(21), at=day(24)),
    refund("re_2", 400, status="failed", kind="failed", created=day(21), at=day(26)),
    refund("re_3", 300, created=day(23)),
    refund("re_4", 2000, payment="pi_2", created=day(50)),
    refund("re_5", 100, payment="pi_unknown", created=day(50)),
    subscription("deleted", "canceled", day(60)),
    paid("in_3", 990, old=True, payment="pi_3", subscription="sub_3", paid_at=day(90)),
    charge_refunded(300, day(91), payment_intent="pi_3", invoice="in_3"),
    charge_refunded(500, day(92), payment_intent="pi_3", invoice="in_3"),
    charge_refunded(990, day(93), payment_intent="pi_3", invoice="in_3"),
    paid("in_4", reason="dreamt", paid_at=day(95)),
    event("invoice.paid", {"id": "in_9", "object": "invoice"}, day(96)),
]
BOOK = written(HISTORY)


@given(st.permutations(HISTORY), st.lists(st.sampled_from(HISTORY), max_size=12))
def test_any_order_and_any_copies_of_the_records_give_the_same_book(
    records: list[RawRecord], copies: list[RawRecord]
) -> None:
    assert written([*copies, *records]) == BOOK


@given(st.sets(st.integers(0, len(HISTORY) - 1)))
def test_whatever_is_known_so_far_keeps_the_laws_of_a_book(places: set[int]) -> None:
    events = written([HISTORY[place] for place in places]).events
    keys = [each.event_key for each in events]
    assert len(set(keys)) == len(keys)
    payments = {each.event_key: each for each in events if each.parent_event_key is None}
    assert sum(each.is_first_for_customer for each in events) <= 1
    firsts = [each.subscription_ref for each in events if each.is_first_for_subscription]
    assert len(set(firsts)) == len(firsts)
    for key, payment in payments.items():
        back = [each for each in events if each.parent_event_key == key]
        assert payment.gross_minor + sum(each.gross_minor for each in back) >= 0
        assert payment.net_minor + sum(each.net_minor for each in back) >= 0
        if back:
            assert back[-1].net_after_minor == payment.net_minor + sum(each.net_minor for each in back)
    assert {each.parent_event_key for each in events} - {None} <= set(payments)


def test_what_was_written_keeps_its_key_as_time_goes_on() -> None:
    in_time = sorted(HISTORY, key=lambda record: record.created_at)
    known: set[EventKey] = set()
    for count in range(1, len(in_time) + 1):
        keys = {each.event_key for each in written(in_time[:count]).events}
        assert known <= keys
        known = keys
    assert known == {each.event_key for each in BOOK.events}
    assert "stripe:main:refund:re_2:refund_reversed" in known


def test_the_same_records_of_two_accounts_are_different_events() -> None:
    other = book(CustomerKey("stripe:second:cus_1"), HISTORY, replace(KEYS, account="second"))
    main = written(HISTORY)
    assert [each.event_key.replace("stripe:second:", "stripe:main:") for each in other.events] == [
        each.event_key for each in main.events
    ]
    assert not {each.event_key for each in other.events} & {each.event_key for each in main.events}
    assert {each.provider_account for each in other.events} == {"second"}
