"""Money that goes back: in parts, too much, in vain, late, and told in two ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversion_sync.billing.provider import RawRecord
from tests.unit.billing.stripe_records import (
    charge_refunded,
    day,
    event,
    line,
    money,
    paid,
    paid_by,
    parked,
    refund,
    shown,
    written,
)

PAYMENT = [paid(total=1190, net=1000), paid_by()]
NAMES = ("kind", "gross_minor", "net_minor", "cumulative_refunded_minor", "net_after_minor", "is_full")


def corrections(records: Sequence[RawRecord]) -> list[tuple[Any, ...]]:
    """What corrects a payment, in order of time."""
    return [shown(event, *NAMES) for event in written(records).events if event.parent_event_key]


def test_a_full_refund_is_the_payment_with_a_minus() -> None:
    payment, back = written([*PAYMENT, refund(amount=1190)]).events
    names = ("provider_account", "currency", "exponent", "customer_ref", "subscription_ref", "invoice_ref")
    assert shown(back, *names) == shown(payment, *names)
    assert shown(
        back,
        "event_key",
        "parent_event_key",
        "occurred_at",
        "source_object_type",
        "source_object_id",
        "payment_ref",
    ) == (
        "stripe:main:refund:re_1:refund",
        "stripe:main:invoice:in_1:first_payment",
        day(1),
        "refund",
        "re_1",
        "pi_1",
    )
    assert shown(back, *NAMES) == ("refund", -1190, -1000, 1190, 0, True)
    assert back.tax_minor == -190


PENDING = refund(amount=1190, status="pending")
DONE = refund(amount=1190, status="succeeded", kind="updated", created=day(1), at=day(2))
LOST = refund(amount=1190, status="failed", kind="failed", created=day(1), at=day(3))

REFUNDS: list[tuple[str, list[RawRecord], list[tuple[Any, ...]]]] = [
    ("partial", [refund(amount=595)], [("refund", -595, -500, 595, 500, False)]),
    (
        "in three parts",
        [refund(f"re_{n}", amount, created=day(n)) for n, amount in ((1, 397), (2, 397), (3, 396))],
        [
            ("refund", -397, -334, 397, 666, False),
            ("refund", -397, -333, 794, 333, False),
            ("refund", -396, -333, 1190, 0, True),
        ],
    ),
    ("pending", [PENDING], []),
    ("waiting for the customer", [refund(status="requires_action")], []),
    ("pending, then done", [PENDING, DONE], [("refund", -1190, -1000, 1190, 0, True)]),
    ("pending, then failed", [PENDING, LOST], []),
    (
        "pending, then canceled",
        [PENDING, refund(status="canceled", kind="updated", created=day(1), at=day(2))],
        [],
    ),
    (
        "done, then failed",
        [DONE, LOST],
        [("refund", -1190, -1000, 1190, 0, True), ("refund_reversed", 1190, 1000, 0, 1000, False)],
    ),
    (
        "a failure told twice",
        [
            DONE,
            LOST,
            refund(amount=1190, status="failed", kind="updated", created=day(1), at=day(3)),
        ],
        [("refund", -1190, -1000, 1190, 0, True), ("refund_reversed", 1190, 1000, 0, 1000, False)],
    ),
    (
        "failed, then another",
        [DONE, LOST, refund("re_2", 1190, created=day(4))],
        [
            ("refund", -1190, -1000, 1190, 0, True),
            ("refund_reversed", 1190, 1000, 0, 1000, False),
            ("refund", -1190, -1000, 1190, 0, True),
        ],
    ),
    ("of a year ago", [refund(amount=1190, created=day(365))], [("refund", -1190, -1000, 1190, 0, True)]),
    (
        "without a status, as of old",
        [refund(amount=595, status=None)],
        [("refund", -595, -500, 595, 500, False)],
    ),
    ("of nothing", [refund(amount=0)], []),
]


@pytest.mark.parametrize(
    ("records", "expected"), [row[1:] for row in REFUNDS], ids=[row[0] for row in REFUNDS]
)
def test_a_refund_takes_its_share_of_the_net(
    records: Sequence[RawRecord], expected: list[tuple[Any, ...]]
) -> None:
    assert corrections([*PAYMENT, *records]) == expected
    assert parked([*PAYMENT, *records]) == []


@given(data=st.data(), gross=st.integers(1, 10**9), taxed=st.integers(0, 40))
def test_refunds_that_add_up_to_the_payment_return_exactly_its_net(
    data: st.DataObject, gross: int, taxed: int
) -> None:
    net = gross * 100 // (100 + taxed)
    cuts = sorted(data.draw(st.sets(st.integers(1, gross - 1), max_size=8))) if gross > 1 else []
    parts = [after - before for before, after in zip([0, *cuts], [*cuts, gross], strict=True)]
    records = [refund(f"re_{n}", part, created=day(1 + n)) for n, part in enumerate(parts)]
    payment, *back = written([paid(total=gross, net=net), paid_by(), *records]).events
    assert [-event.gross_minor for event in back] == parts
    assert (sum(event.net_minor for event in back), payment.net_minor) == (-net, net)
    assert [event.is_full for event in back] == [*[False] * (len(parts) - 1), True]
    left = [net + sum(event.net_minor for event in back[: n + 1]) for n in range(len(parts))]
    assert [event.net_after_minor for event in back] == left


SPLIT = [
    paid("in_0", paid_at=day(-30)),
    paid(total=1000, reason="subscription_cycle", lines=[line(700), line(300, proration=True)]),
    paid_by(),
]


def test_a_refund_of_a_split_invoice_comes_off_its_parts_in_order() -> None:
    records = [*SPLIT, refund(amount=800), refund("re_2", 200, created=day(2))]
    found = [
        (event.event_key, event.parent_event_key, event.gross_minor, event.is_full)
        for event in written(records).events
        if event.parent_event_key
    ]
    renewal, more = "stripe:main:invoice:in_1:renewal", "stripe:main:invoice:in_1:expansion_payment"
    assert found == [
        ("stripe:main:refund:re_1:refund", renewal, -700, True),
        ("stripe:main:refund:re_1:refund:1", more, -100, False),
        ("stripe:main:refund:re_2:refund:1", more, -200, True),
    ]


OVER = [
    *PAYMENT,
    refund(amount=800),
    refund("re_2", 800, created=day(2)),
]


def test_more_than_was_paid_never_goes_back() -> None:
    assert corrections(OVER) == [
        ("refund", -800, -672, 800, 328, False),
        ("refund", -390, -328, 1190, 0, True),
    ]
    assert parked(OVER) == [("re_2", "refund_exceeds_payment", "410")]


@pytest.mark.parametrize("name", ["re_1", "re_2"])
def test_of_two_refunds_beyond_the_payment_one_that_fails_leaves_the_other_whole(name: str) -> None:
    created = day(1 if name == "re_1" else 2)
    records = [*OVER, refund(name, 800, status="failed", kind="failed", created=created, at=day(5))]
    assert corrections(records)[-1] == ("refund_reversed", 390, 328, 800, 328, False)


def test_a_refund_beyond_a_payment_that_is_back_already_is_only_parked() -> None:
    records = [*PAYMENT, refund(amount=1190), refund("re_2", 50, created=day(2))]
    assert len(corrections(records)) == 1
    assert parked(records) == [("re_2", "refund_exceeds_payment", "50")]


def test_a_charge_tells_how_much_of_it_is_back_so_far() -> None:
    records = [*PAYMENT, charge_refunded(300, day(1)), charge_refunded(800, day(2))]
    expected = [("refund", -300, -252, 300, 748, False), ("refund", -500, -420, 800, 328, False)]
    assert corrections(records) == expected
    assert corrections([*records, charge_refunded(800, day(3))]) == expected


def test_a_sum_told_twice_moves_no_later_refund_to_another_key() -> None:
    first, second = charge_refunded(300, day(1)), charge_refunded(800, day(2))
    keys = [event.event_key for event in written([*PAYMENT, first, second]).events]
    assert keys[1:] == ["stripe:main:charge:ch_1:refund", "stripe:main:charge:ch_1:refund:100"]
    told_twice = [*PAYMENT, first, charge_refunded(300, day(1), name="again"), second]
    assert [event.event_key for event in written(told_twice).events] == keys


def test_a_refund_told_as_itself_and_by_its_charge_counts_once() -> None:
    records = [*PAYMENT, refund(amount=300), charge_refunded(300, day(1))]
    assert corrections(records) == [("refund", -300, -252, 300, 748, False)]


def test_a_pending_refund_that_its_charge_already_counts_is_still_pending() -> None:
    assert corrections([*PAYMENT, PENDING, charge_refunded(1190, day(1))]) == []


def test_a_refund_before_its_payment_waits_and_is_then_booked() -> None:
    early = refund(amount=1190)
    assert (money([early]), parked([early])) == ([], [("re_1", "refund_without_payment", "pi_1")])
    linked = [early, paid_by()]
    assert (money(linked), parked(linked)) == ([], [("re_1", "refund_without_payment", "pi_1")])
    assert len(corrections([early, *PAYMENT])) == 1
    assert parked([early, *PAYMENT]) == []


def test_each_of_two_payments_of_one_invoice_can_go_back() -> None:
    records = [*PAYMENT, paid_by(payment="pi_2"), refund(amount=590), refund("re_2", 600, payment="pi_2")]
    assert [row[:2] for row in corrections(records)] == [("refund", -590), ("refund", -600)]
    assert corrections(records)[-1][-2:] == (0, True)


def test_an_old_invoice_names_its_payment_itself() -> None:
    assert len(corrections([paid(old=True), refund(amount=1000)])) == 1
    legacy = paid(old=True, payment=None)
    assert len(corrections([legacy, refund(amount=1000, payment=None)])) == 1


def test_a_state_nobody_knows_is_parked_and_what_is_known_stays() -> None:
    dreamt = refund(amount=595, status="dreamt", kind="updated", created=day(1), at=day(2))
    why = [("re_1", "unknown_refund_status", "dreamt")]
    assert (corrections([*PAYMENT, dreamt]), parked([*PAYMENT, dreamt])) == ([], why)
    records = [*PAYMENT, refund(amount=595), dreamt]
    assert (corrections(records), parked(records)) == ([("refund", -595, -500, 595, 500, False)], why)


def test_a_refund_in_another_currency_is_parked() -> None:
    records = [*PAYMENT, refund(currency="eur")]
    assert (corrections(records), parked(records)) == ([], [("re_1", "refund_in_other_currency", "EUR")])


def test_a_refund_of_a_parked_payment_is_parked() -> None:
    records = [paid(reason="dreamt"), paid_by(), refund()]
    assert parked(records) == [
        ("in_1", "unknown_billing_reason", "dreamt"),
        ("re_1", "refund_without_payment", "pi_1"),
    ]


def test_a_credit_note_for_a_refund_tells_the_same_money_again() -> None:
    note = {"id": "cn_1", "object": "credit_note", "customer": "cus_1", "invoice": "in_1", "amount": 300}
    records = [*PAYMENT, refund(amount=300), event("credit_note.created", note, day(1))]
    assert corrections(records) == [("refund", -300, -252, 300, 748, False)]
