"""What a paid invoice is, and what of it is revenue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.catalogue import catalogue
from conversion_sync.billing.stripe.payments import cash, net_of
from conversion_sync.billing.stripe.shapes import invoice_fact
from tests.unit.billing.stripe_records import (
    Json,
    day,
    line,
    money,
    paid,
    parked,
    seen_of,
    shown,
    subscription,
    written,
)

CASH: list[tuple[str, Json, tuple[int, int]]] = [
    ("no tax", {"total": 1999}, (1999, 1999)),
    ("tax on top", {"total": 1190, "net": 1000}, (1190, 1000)),
    ("tax inside", {"total": 1000, "net": 909}, (1000, 909)),
    ("a tie goes to the even side below", {"total": 4, "net": 2, "paid": 1}, (1, 0)),
    ("a tie goes to the even side above", {"total": 4, "net": 2, "paid": 3}, (3, 2)),
    ("credit paid a part of it", {"total": 1190, "net": 1000, "paid": 595}, (595, 500)),
    ("credit paid all of it", {"total": 1190, "net": 1000, "paid": 0}, (0, 0)),
    ("what is overpaid is no revenue", {"total": 1190, "net": 1000, "paid": 2000}, (1190, 1000)),
    ("a total of nothing", {"total": 0, "paid": 100}, (0, 0)),
    ("a total below nothing", {"total": -500, "net": -420, "paid": 0}, (0, 0)),
    ("all of it is tax", {"total": 100, "net": 0}, (100, 0)),
    ("one unit", {"total": 1, "net": 1}, (1, 1)),
    ("more than a double can hold", {"total": 3 * 10**17 + 1, "net": 10**17}, (3 * 10**17 + 1, 10**17)),
]


@pytest.mark.parametrize(("said", "expected"), [row[1:] for row in CASH], ids=[row[0] for row in CASH])
def test_revenue_is_the_cash_without_its_tax(said: Json, expected: tuple[int, int]) -> None:
    fact = invoice_fact(seen_of(paid(**said)))
    assert (cash(fact), net_of(fact, cash(fact))) == expected


@given(
    total=st.integers(1, 10**12),
    net=st.integers(0, 10**12),
    amount=st.integers(0, 2 * 10**12),
)
def test_net_and_tax_add_up_and_neither_exceeds_the_cash(total: int, net: int, amount: int) -> None:
    fact = invoice_fact(seen_of(paid(total=total, net=min(net, total), paid=amount)))
    assert 0 <= net_of(fact, cash(fact)) <= cash(fact) <= total
    assert net_of(fact, total) == fact.net_total


CURRENCIES = [
    ("usd", ("USD", 2)),
    ("jpy", ("JPY", 0)),
    ("kwd", ("KWD", 3)),
    ("isk", ("ISK", 2)),
    ("ugx", ("UGX", 2)),
]


@pytest.mark.parametrize(("currency", "expected"), CURRENCIES)
def test_a_payment_keeps_stripes_minor_units(currency: str, expected: tuple[str, int]) -> None:
    (event,) = written([paid(total=12340, currency=currency)]).events
    assert shown(event, "currency", "exponent", "gross_minor", "net_minor") == (*expected, 12340, 12340)


RENEWAL: Json = {"reason": "subscription_cycle", "paid_at": day(30)}
FIRST = paid("in_0")
UPGRADE_LINES = [
    line(-400, price="price_a", proration=True),
    line(1400, price="price_b"),
]
SEAT_LINES = [line(-1000, quantity=1, proration=True), line(3000, quantity=3, proration=True)]
MIXED_LINES = [
    line(-1000, quantity=1, proration=True),
    line(3000, price="price_b", quantity=3, proration=True),
]
WITH_SEATS = [
    line(2000, quantity=3, proration=True),
    line(-1000, quantity=1, proration=True),
    line(9000, quantity=3),
]

KINDS: list[tuple[str, list[RawRecord], list[tuple[Any, ...]]]] = [
    (
        "the first payment of a customer",
        [paid()],
        [("first_payment", None, 1000, True, True)],
    ),
    (
        "the first payment after a trial is a cycle's",
        [paid(total=0), paid("in_2", **RENEWAL)],
        [("first_payment", None, 1000, True, True)],
    ),
    (
        "a first payment for a quote",
        [paid(reason="quote_accept")],
        [("first_payment", None, 1000, True, True)],
    ),
    (
        "a second product beside the first",
        [FIRST, paid("in_2", paid_at=day(5), subscription="sub_2")],
        [("first_payment", None, 1000, True, True), ("first_payment", None, 1000, False, True)],
    ),
    (
        "a customer who comes back",
        [
            FIRST,
            subscription("deleted", "canceled", day(9)),
            paid("in_2", paid_at=day(60), subscription="sub_2"),
        ],
        [
            ("first_payment", None, 1000, True, True),
            ("cancellation", None, 0, False, False),
            ("reactivation_payment", None, 1000, False, True),
            ("reactivation", None, 0, False, False),
        ],
    ),
    (
        "a second product bought before the first ended",
        [
            FIRST,
            paid("in_2", paid_at=day(5), subscription="sub_2"),
            subscription("deleted", "canceled", day(9)),
        ],
        [
            ("first_payment", None, 1000, True, True),
            ("first_payment", None, 1000, False, True),
            ("cancellation", None, 0, False, False),
        ],
    ),
    (
        "a trial that ended unpaid, then a first payment",
        [
            subscription("created", "trialing", day(0)),
            subscription("deleted", "canceled", day(9)),
            paid("in_2", paid_at=day(60), subscription="sub_2"),
        ],
        [
            ("trial_started", None, 0, False, False),
            ("cancellation", None, 0, False, False),
            ("first_payment", None, 1000, True, True),
        ],
    ),
    (
        "a renewal",
        [FIRST, paid("in_2", **RENEWAL)],
        [("first_payment", None, 1000, True, True), ("renewal", None, 1000, False, False)],
    ),
    (
        "a renewal by hand",
        [FIRST, paid("in_2", paid_at=day(30), reason="manual")],
        [("first_payment", None, 1000, True, True), ("renewal", None, 1000, False, False)],
    ),
    (
        "an upgrade billed at once",
        [FIRST, paid("in_2", reason="subscription_update", paid_at=day(5), lines=UPGRADE_LINES)],
        [("first_payment", None, 1000, True, True), ("expansion_payment", "upgrade", 1000, False, False)],
    ),
    (
        "seats billed at once",
        [FIRST, paid("in_2", 2000, reason="subscription_update", paid_at=day(5), lines=SEAT_LINES)],
        [("first_payment", None, 1000, True, True), ("expansion_payment", "seats", 2000, False, False)],
    ),
    (
        "seats and another price at once",
        [FIRST, paid("in_2", 2000, reason="subscription_update", paid_at=day(5), lines=MIXED_LINES)],
        [("first_payment", None, 1000, True, True), ("expansion_payment", "mixed", 2000, False, False)],
    ),
    (
        "usage over a threshold",
        [FIRST, paid("in_2", reason="subscription_threshold", paid_at=day(5))],
        [("first_payment", None, 1000, True, True), ("expansion_payment", "usage", 1000, False, False)],
    ),
    (
        "a renewal with seats added since",
        [FIRST, paid("in_2", 10_000, lines=WITH_SEATS, **RENEWAL)],
        [
            ("first_payment", None, 1000, True, True),
            ("expansion_payment", "seats", 1000, False, False),
            ("renewal", None, 9000, False, False),
        ],
    ),
    (
        "a renewal with seats taken away since",
        [
            FIRST,
            paid("in_2", 7000, lines=[line(-2000, proration=True), line(9000)], **RENEWAL),
        ],
        [("first_payment", None, 1000, True, True), ("renewal", None, 7000, False, False)],
    ),
    (
        "a cycle that bills added seats only",
        [
            FIRST,
            paid("in_2", lines=[*SEAT_LINES[:1], line(2000, quantity=2, proration=True), line(0)], **RENEWAL),
        ],
        [("first_payment", None, 1000, True, True), ("expansion_payment", "seats", 1000, False, False)],
    ),
    (
        "a share too small for a unit of cash is no event",
        [FIRST, paid("in_2", 10_000, paid=1, lines=[line(1, proration=True), line(9999)], **RENEWAL)],
        [("first_payment", None, 1000, True, True), ("renewal", None, 1, False, False)],
    ),
    (
        "something bought once",
        [paid(reason="manual", subscription=None)],
        [("one_off_payment", None, 1000, True, False)],
    ),
    (
        "a subscription of somebody who bought before",
        [paid("in_0", reason="manual", subscription=None), paid("in_2", paid_at=day(5))],
        [("one_off_payment", None, 1000, True, False), ("first_payment", None, 1000, False, True)],
    ),
    (
        "an invoice without a reason is one by hand",
        [paid(reason=None, subscription=None)],
        [("one_off_payment", None, 1000, True, False)],
    ),
    (
        "an invoice that credit paid",
        [paid(paid=0), paid("in_2", **RENEWAL)],
        [("first_payment", None, 1000, True, True)],
    ),
]


@pytest.mark.parametrize(("records", "expected"), [row[1:] for row in KINDS], ids=[row[0] for row in KINDS])
def test_a_payment_is_what_came_before_it_and_its_lines_make_it(
    records: Sequence[RawRecord], expected: list[tuple[Any, ...]]
) -> None:
    names = ("kind", "expansion", "gross_minor", "is_first_for_customer", "is_first_for_subscription")
    found = [shown(event, *names) for event in written(records).events]
    # Two parts of one invoice share its second: between them order says nothing.
    assert sorted(found, key=str) == sorted(expected, key=str)


def test_every_reason_of_the_catalogue_is_understood() -> None:
    reasons = catalogue().invoice
    for reason in sorted(reasons.cycle | reasons.change | reasons.other):
        assert (len(money([FIRST, paid("in_2", paid_at=day(5), reason=reason)])), reason) == (2, reason)


@given(
    gross=st.integers(1, 10**7),
    taxed=st.integers(0, 30),
    amounts=st.lists(st.tuples(st.integers(-(10**6), 10**6), st.booleans()), min_size=1, max_size=6),
    balances=st.tuples(st.integers(-(10**6), 0), st.integers(-(10**6), 0)),
    discount=st.integers(0, 10**5),
)
def test_the_parts_of_an_invoice_add_up_to_it(
    gross: int,
    taxed: int,
    amounts: list[tuple[int, bool]],
    balances: tuple[int, int],
    discount: int,
) -> None:
    net = gross * 100 // (100 + taxed)
    said = paid(
        "in_2",
        gross,
        net=net,
        lines=[line(amount, proration=proration) for amount, proration in amounts],
        discount=discount,
        starting_balance=balances[0],
        ending_balance=balances[1],
        amount_paid_off_stripe=gross // 3,
        **RENEWAL,
    )
    parts = [event for event in written([FIRST, said]).events if event.source_object_id == "in_2"]
    sums = [
        sum(getattr(part, name) or 0 for part in parts)
        for name in (
            "gross_minor",
            "net_minor",
            "tax_minor",
            "discount_minor",
            "credit_applied_minor",
            "off_provider_minor",
        )
    ]
    assert sums == [gross, net, gross - net, discount, balances[1] - balances[0], gross // 3]
    assert all(part.gross_minor > 0 and part.tax_minor >= 0 for part in parts)
    assert len({part.event_key for part in parts}) == len(parts)


def test_an_overpaid_invoice_keeps_its_discount() -> None:
    (event,) = written([paid(total=900, paid=1000, discount=100)]).events
    assert (event.gross_minor, event.discount_minor) == (900, 100)


def test_a_part_names_the_price_it_pays_for() -> None:
    lines = [
        line(-1000, price="price_old", proration=True),
        line(2000, price="price_new", proration=True),
        line(9000, price="price_plan"),
        line(100, price="price_extra"),
    ]
    events = written([FIRST, paid("in_2", 10_100, lines=lines, **RENEWAL)]).events
    assert {(event.kind.value, event.price_ref_after) for event in events} == {
        ("first_payment", "price_a"),
        ("renewal", "price_plan"),
        ("expansion_payment", "price_new"),
    }


UNSOUND: list[tuple[Json, tuple[str, str]]] = [
    ({"reason": "subscription_dreamt"}, ("unknown_billing_reason", "subscription_dreamt")),
    ({"reason": "upcoming"}, ("unknown_billing_reason", "upcoming")),
    ({"currency": "usdc"}, ("unknown_currency", "USDC")),
    ({"currency": ""}, ("unknown_currency", "nothing")),
    ({"paid": -5}, ("negative_amount", "-5")),
]


@pytest.mark.parametrize(("said", "why"), UNSOUND, ids=[row[1][0] + row[1][1] for row in UNSOUND])
def test_an_invoice_nobody_understands_is_parked_with_its_reason(said: Json, why: tuple[str, str]) -> None:
    records = [paid(**said), paid("in_2", subscription="sub_2", paid_at=day(3))]
    assert parked(records) == [("in_1", *why)]
    assert [event.source_object_id for event in written(records).events] == ["in_2"]


def test_what_follows_a_parked_payment_is_no_first_payment() -> None:
    records = [paid(reason="subscription_dreamt"), paid("in_2", **RENEWAL)]
    assert money(records) == [("renewal", "in_2", 1000, 1000)]
    (event,) = written([records[0], paid("in_3", subscription="sub_3", paid_at=day(3))]).events
    assert shown(event, "kind", "is_first_for_customer") == ("first_payment", False)
