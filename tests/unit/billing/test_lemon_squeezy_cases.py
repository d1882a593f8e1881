"""The edge cases of billing, by their numbers: what Lemon Squeezy tells of each, and what the book says.

Source: specs/billing.md §6.4.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.billing.lemon_records import (
    KEYS,
    happened,
    invoice,
    listed,
    order,
    parked,
    subscription,
    written,
)

Rows = list[dict[str, Any]]
Events = list[tuple[str, float, int]]

NOT_TOLD = {
    12: "there are no credit notes",
    13: "there are no credit notes",
    14: "there are no credit notes, and no balance",
    15: "there are no credit notes, and nothing is paid elsewhere",
    16: "there are no credit notes",
    23: "there are no disputes and inquiries; what became of one is a refund or a fraud",
    35: "an invoice is paid whole or not at all",
    37: "there are no schedules: a plan that changes at a renewal is row 8",
    38: "nothing is paid elsewhere",
    39: "nothing is overpaid",
    40: "there are no invoices sent to be paid later: one that waits is row 33",
    41: "nothing is imported; a store that moves away is another provider's",
    44: "Paddle's",
}
"""Rows of the table that cannot happen here."""

MONTHLY = [subscription(), invoice(1, 1000)]
"""A subscription and its first payment."""

CASES: dict[str, tuple[Rows, Events]] = {
    "1 a free trial starts": (
        [subscription(status="on_trial", trial_ends=14, order_id=1), order(1, 0)],
        [("trial_started", 0, 0)],
    ),
    "2 trial, then paid: called a renewal": (
        [
            subscription(status="on_trial", trial_ends=14),
            subscription(changed=14, trial_ends=14, renews=44),
            invoice(1, 1000, 14, reason="renewal"),
        ],
        [("trial_started", 0, 0), ("first_payment", 14, 1000)],
    ),
    "2 trial, then paid: called the first": (
        [subscription(changed=14, trial_ends=14, renews=44), invoice(1, 1000, 14)],
        [("trial_started", 0, 0), ("first_payment", 14, 1000)],
    ),
    "3 a set-up fee at the start of a trial": (
        [
            order(1, 300, setup_fee=300),
            subscription(status="on_trial", trial_ends=14, order_id=1),
            subscription(changed=14, trial_ends=14, order_id=1, renews=44),
            invoice(1, 1000, 14, reason="renewal"),
        ],
        [("trial_payment", 0, 300), ("trial_started", 0, 0), ("first_payment", 14, 1000)],
    ),
    "3 the invoice of the start tells the fee already": (
        [
            order(1, 300, setup_fee=300),
            invoice(1, 300),
            subscription(status="on_trial", trial_ends=14, order_id=1),
        ],
        [("trial_started", 0, 0), ("first_payment", 0, 300)],
    ),
    "4 it costs nothing, without a trial": (
        [subscription(), invoice(1, 0), invoice(2, 0, 30, reason="renewal")],
        [("free_started", 0, 0)],
    ),
    "5 the first month is free": (
        [subscription(), invoice(1, 0), invoice(2, 1000, 30, reason="renewal")],
        [("free_started", 0, 0), ("first_payment", 30, 1000)],
    ),
    "6 a coupon": (
        [subscription(), invoice(1, 800, subtotal=1000, discount_total=200)],
        [("first_payment", 0, 800)],
    ),
    "7 an upgrade that is billed at once": (
        [
            *MONTHLY,
            subscription(changed=10, variant=11),
            invoice(2, 600, 10, reason="updated"),
            subscription(changed=30, variant=11, renews=60),
            invoice(3, 2000, 30, reason="renewal"),
        ],
        [
            ("first_payment", 0, 1000),
            ("expansion_payment", 10, 600),
            ("upgrade", 10, 0),
            ("renewal", 30, 2000),
        ],
    ),
    "7 before the new plan was billed whole nobody knows its price": (
        [*MONTHLY, subscription(changed=10, variant=11), invoice(2, 600, 10, reason="updated")],
        [("first_payment", 0, 1000), ("expansion_payment", 10, 600)],
    ),
    "8 an upgrade that is billed with the next cycle": (
        [
            *MONTHLY,
            subscription(changed=10, variant=11),
            subscription(changed=30, variant=11, renews=60),
            invoice(2, 2000, 30, reason="renewal"),
        ],
        [("first_payment", 0, 1000), ("upgrade", 10, 0), ("renewal", 30, 2000)],
    ),
    "9 a downgrade": (
        [
            *MONTHLY,
            subscription(changed=10, variant=9),
            subscription(changed=30, variant=9, renews=60),
            invoice(2, 400, 30, reason="renewal"),
        ],
        [("first_payment", 0, 1000), ("downgrade", 10, 0), ("renewal", 30, 400)],
    ),
    "10 seats, billed with the next cycle": (
        [*MONTHLY, subscription(changed=10, quantity=3), invoice(2, 3000, 30, reason="renewal")],
        [("first_payment", 0, 1000), ("seat_expansion", 10, 0), ("renewal", 30, 3000)],
    ),
    "10 seats, billed at once": (
        [*MONTHLY, subscription(changed=10, quantity=3), invoice(2, 1300, 10, reason="updated")],
        [("first_payment", 0, 1000), ("expansion_payment", 10, 1300), ("seat_expansion", 10, 0)],
    ),
    "11 monthly to annual": (
        [
            *MONTHLY,
            subscription(changed=10, variant=20, renews=375),
            invoice(2, 9300, 10, reason="updated"),
            subscription(changed=375, variant=20, renews=740),
            invoice(3, 10000, 375, reason="renewal"),
        ],
        [
            ("first_payment", 0, 1000),
            ("expansion_payment", 10, 9300),
            ("interval_change", 10, 0),
            ("renewal", 375, 10000),
        ],
    ),
    "17 refunds in parts": (
        [
            *MONTHLY,
            invoice(1, 1000, 0, 3, status="partial_refund", back=300),
            invoice(1, 1000, 0, 5, status="partial_refund", back=500),
            invoice(1, 1000, 0, 9, status="refunded", back=1000),
        ],
        [("first_payment", 0, 1000), ("refund", 3, -300), ("refund", 5, -200), ("refund", 9, -500)],
    ),
    "17 parts between two looks are one": (
        [*MONTHLY, invoice(1, 1000, 0, 5, status="partial_refunded", back=500)],
        [("first_payment", 0, 1000), ("refund", 5, -500)],
    ),
    "18 a full refund": (
        [
            subscription(order_id=1),
            invoice(1, 1190, 0, 5, tax=190, status="refunded", back=1190),
            order(1, 1190, 0, 5, tax=190, status="refunded", back=1190),
        ],
        [("first_payment", 0, 1000), ("refund", 5, -1000)],
    ),
    "19 a refund in another month": (
        [*MONTHLY, invoice(1, 1000, 0, 45, status="refunded", back=1000)],
        [("first_payment", 0, 1000), ("refund", 45, -1000)],
    ),
    "20 a refund that fails": (
        [
            *MONTHLY,
            invoice(1, 1000, 0, 3, status="partial_refund", back=400),
            invoice(1, 1000, 0, 6),
        ],
        [("first_payment", 0, 1000), ("refund", 3, -400), ("refund_reversed", 6, 400)],
    ),
    "21 a fraud that is none": (
        [order(), order(changed=3, status="fraudulent"), order(changed=8)],
        [("one_off_payment", 0, 1000), ("chargeback", 3, -1000), ("chargeback_reversed", 8, 1000)],
    ),
    "22 a fraud, of the order a subscription began with": (
        [
            subscription(order_id=1),
            invoice(1, 1000),
            order(1),
            order(1, changed=3, status="fraudulent"),
        ],
        [("first_payment", 0, 1000), ("chargeback", 3, -1000)],
    ),
    "22 seen only as a fraud": (
        [order(changed=3, status="fraudulent")],
        [("one_off_payment", 0, 1000), ("chargeback", 3, -1000)],
    ),
    "24 a fraud that is none, months later": (
        [order(), order(changed=3, status="fraudulent"), order(changed=120)],
        [("one_off_payment", 0, 1000), ("chargeback", 3, -1000), ("chargeback_reversed", 120, 1000)],
    ),
    "25 a refund, and a fraud for the rest": (
        [
            order(changed=2, status="partial_refund", back=300),
            order(changed=3, status="fraudulent", back=300, refunded_at=None),
        ],
        [("one_off_payment", 0, 1000), ("refund", 2, -300), ("chargeback", 3, -700)],
    ),
    "26 a pause that serves nothing": (
        [
            *MONTHLY,
            subscription(status="paused", changed=5, pause={"mode": "void", "resumes_at": None}),
            subscription(changed=9),
        ],
        [("first_payment", 0, 1000), ("pause", 5, 0), ("resume", 9, 0)],
    ),
    "26 a pause that serves for nothing": (
        [
            *MONTHLY,
            subscription(status="paused", changed=5, pause={"mode": "free", "resumes_at": None}),
            subscription(changed=9),
        ],
        [("first_payment", 0, 1000), ("pause", 5, 0), ("resume", 9, 0)],
    ),
    "27 a cancellation that is taken back": (
        [*MONTHLY, subscription(status="cancelled", changed=5, ends=30), subscription(changed=9)],
        [("first_payment", 0, 1000), ("cancel_scheduled", 5, 0), ("cancel_withdrawn", 9, 0)],
    ),
    "28 they leave, and come back": (
        [
            *MONTHLY,
            subscription(status="cancelled", changed=5, ends=30),
            subscription(status="expired", changed=31, ends=30),
            subscription(2, made=60),
            invoice(2, 1000, 60, subscription=2),
        ],
        [
            ("first_payment", 0, 1000),
            ("cancel_scheduled", 5, 0),
            ("cancellation", 30, 0),
            ("reactivation_payment", 60, 1000),
            ("reactivation", 60, 0),
        ],
    ),
    "29 a second subscription": (
        [*MONTHLY, subscription(2, made=10, variant=50), invoice(2, 500, 10, subscription=2)],
        [("first_payment", 0, 1000), ("first_payment", 10, 500)],
    ),
    "30 an annual one": ([subscription(renews=365), invoice(1, 10000)], [("first_payment", 0, 10000)]),
    "31 two currencies": (
        [*MONTHLY, invoice(2, 500, 5, currency="EUR", subscription=2), subscription(2, made=5)],
        [("first_payment", 0, 1000), ("first_payment", 5, 500)],
    ),
    "32 a tax inside the price": (
        [subscription(), invoice(1, 1190, tax=190, subtotal=1190, tax_inclusive=True)],
        [("first_payment", 0, 1000)],
    ),
    "33 it fails, is tried again and comes": (
        [
            subscription(),
            invoice(1),
            invoice(2, 1000, 30, status="pending", reason="renewal"),
            subscription(status="past_due", changed=30),
            invoice(2, 1000, 30, 35, reason="renewal"),
            subscription(changed=35, renews=60),
        ],
        [("first_payment", 0, 1000), ("payment_failed", 30, 0), ("renewal", 35, 1000)],
    ),
    "33 one that waits may be on its way": (
        [*MONTHLY, invoice(2, 1000, 30, status="pending", reason="renewal")],
        [("first_payment", 0, 1000)],
    ),
    "34 it is never paid": (
        [
            *MONTHLY,
            invoice(2, 1000, 30, status="pending", reason="renewal"),
            subscription(status="unpaid", changed=44),
            invoice(2, 1000, 30, 45, status="void", reason="renewal"),
        ],
        [("first_payment", 0, 1000), ("payment_failed", 30, 0), ("uncollectible", 45, 0)],
    ),
    "34 an order that fails": ([order(status="failed")], [("payment_failed", 0, 0)]),
    "36 a paid invoice is not paid any more": (
        [*MONTHLY, invoice(1, 1000, 0, 8, status="void")],
        [("first_payment", 0, 1000), ("payment_reversed", 8, -1000)],
    ),
    "42 an order that is never finished": ([order(status="pending")], []),
    "43 test mode": ([order(test_mode=True)], [("one_off_payment", 0, 1000)]),
    "45 usage is in the renewal": (
        [
            subscription(first_subscription_item={"id": 5, "quantity": 0, "is_usage_based": True}),
            invoice(1),
            invoice(2, 4321, 30, reason="renewal"),
        ],
        [("first_payment", 0, 1000), ("renewal", 30, 4321)],
    ),
    "46 whose account it is": ([order()], [("one_off_payment", 0, 1000)]),
}


def test_every_edge_case_is_here_or_cannot_happen() -> None:
    covered = {int(name.split()[0]) for name in CASES}
    assert covered.isdisjoint(NOT_TOLD)
    assert covered | set(NOT_TOLD) == set(range(1, 47))


@pytest.mark.parametrize("name", CASES)
def test_an_edge_case_is_told_as_the_table_says(name: str) -> None:
    rows, expected = CASES[name]
    assert sorted(happened(listed(*rows))) == sorted(expected)
    assert parked(listed(*rows)) == []


def test_case_7_and_10_say_what_was_paid_for() -> None:
    for name, what in (
        ("7 an upgrade that is billed at once", "upgrade"),
        ("10 seats, billed at once", "seats"),
    ):
        events = written(listed(*CASES[name][0])).events
        assert [event.expansion for event in events if event.kind == "expansion_payment"] == [what]


def test_case_8_is_worth_what_whole_periods_cost() -> None:
    name = "8 an upgrade that is billed with the next cycle"
    (change,) = [e for e in written(listed(*CASES[name][0])).events if e.kind == "upgrade"]
    assert (change.price_ref_before, change.price_ref_after) == ("10", "11")
    assert (change.mrr_before_minor, change.mrr_after_minor) == (1000, 2000)
    assert (change.interval, change.interval_count) == ("month", 1)


def test_case_17_names_each_part_by_the_sum_it_led_to() -> None:
    events = written(listed(*CASES["17 refunds in parts"][0])).events
    keys = [event.event_key.rsplit(":", 1)[1] for event in events if event.kind == "refund"]
    assert keys == ["30000", "50000", "100000"]
    assert [event.is_full for event in events if event.kind == "refund"] == [False, False, True]
    assert [event.net_after_minor for event in events if event.kind == "refund"] == [700, 500, 0]


def test_case_43_says_that_it_is_a_test() -> None:
    assert [event.livemode for event in written(listed(*CASES["43 test mode"][0])).events] == [False]


def test_case_46_keeps_accounts_apart() -> None:
    records = listed(*CASES["46 whose account it is"][0])
    (main,) = written(records).events
    (second,) = written(records, replace(KEYS, account="second")).events
    assert main.event_key == "lemon_squeezy:main:order:1:one_off_payment"
    assert second.event_key == "lemon_squeezy:second:order:1:one_off_payment"
