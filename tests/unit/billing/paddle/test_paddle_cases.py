"""The edge cases of specs/billing.md §6.4, each by its number, as Paddle tells them.

Of 46, these have no form at Paddle: 15 and 16 (there are no credit notes, an adjustment does one thing),
24 (no appeals: a chargeback reversed late is row 21), 36 (a completed transaction is not reopened),
37 (no schedules: a change at the next period is row 8).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from conversion_sync.billing.provider import RawRecord
from tests.unit.billing.paddle.records import (
    SUB,
    adjusted,
    attempt,
    completed,
    day,
    event,
    item,
    line,
    only,
    parked,
    price,
    stamp,
    subscribed,
    told,
    transaction,
    written,
)

NOT_AT_PADDLE = {15, 16, 24, 36, 37}


@dataclass(frozen=True)
class Row:
    """A case: what Paddle tells, the events it makes (kind, gross, net), and what is parked."""

    number: int
    what: str
    records: list[RawRecord]
    events: list[tuple[str, int, int]]
    parked: tuple[tuple[str, str], ...] = ()


BORN = subscribed("created")
PAID = completed("txn_1", 3600, 3000)
TRIAL = {"items": [item(trial=(day(0), day(14)))]}
TRIALING = subscribed("created", "trialing", **TRIAL)
FREE = completed("txn_0", 0)
ENDED = subscribed("canceled", "canceled", day(20))
OTHER = "sub_01hv8x29kz0t586xy6zn1a62nz"
PAID_TRIAL = [
    {
        "price": price(
            trial_period={
                "interval": "day",
                "frequency": 14,
                "unit_price": {"amount": "500", "currency_code": "USD"},
            }
        )
    }
]
UPGRADE = [line(-1500, prorated=True, quantity=-1), line(4500, price_id="pri_month_b", prorated=True)]
B = {"name": "pri_month_b", "amount": 9000}
FIRST = ("first_payment", 3600, 3000)


def renewed(
    name: str = "txn_2", gross: int = 3600, net: int | None = 3000, days: float = 30, **changes: object
) -> RawRecord:
    return completed(name, gross, net, at=day(days), origin="subscription_recurring", **changes)


CASES = [
    Row(1, "a free trial starts", [TRIALING, FREE], [("trial_started", 0, 0)]),
    Row(
        2,
        "a trial becomes paid",
        [TRIALING, FREE, subscribed("activated", at=day(14), **TRIAL), renewed(days=14)],
        [("trial_started", 0, 0), FIRST],
    ),
    Row(
        3,
        "a paid trial, then the first payment",
        [TRIALING, completed("txn_0", 500, items=PAID_TRIAL), renewed(days=14)],
        [("trial_payment", 500, 500), ("trial_started", 0, 0), FIRST],
    ),
    Row(
        3,
        "a price with a paid trial, bought without one",
        [BORN, completed("txn_1", 3600, 3000, items=PAID_TRIAL)],
        [FIRST],
    ),
    Row(4, "it costs nothing, and no trial", [BORN, FREE], [("free_started", 0, 0)]),
    Row(
        4,
        "it costs nothing again and again",
        [BORN, FREE, renewed("txn_2", 0, 0)],
        [("free_started", 0, 0)],
    ),
    Row(5, "the first month is free, then paid", [BORN, FREE, renewed()], [("free_started", 0, 0), FIRST]),
    Row(
        6,
        "a coupon",
        [BORN, completed("txn_1", 1800, 1500, totals={"discount": "1500"})],
        [("first_payment", 1800, 1500)],
    ),
    Row(
        7,
        "an upgrade billed at once",
        [
            BORN,
            PAID,
            subscribed("updated", at=day(15), items=[item(**B)]),
            completed("txn_2", 3600, 3000, at=day(15.1), origin="subscription_update", lines=UPGRADE),
        ],
        [FIRST, ("upgrade", 0, 0), ("expansion_payment", 3600, 3000)],
    ),
    Row(
        8,
        "an upgrade billed with the next period",
        [
            BORN,
            PAID,
            subscribed("updated", at=day(15), items=[item(**B)]),
            renewed("txn_2", 14400, 12000, lines=[*UPGRADE, line(9000, price_id="pri_month_b")]),
        ],
        [FIRST, ("upgrade", 0, 0), ("expansion_payment", 3600, 3000), ("renewal", 10800, 9000)],
    ),
    Row(
        9,
        "a downgrade whose rest goes to the balance",
        [
            subscribed("created", items=[item(**B)]),
            PAID,
            subscribed("updated", at=day(15), items=[item()]),
            completed(
                "txn_2",
                0,
                0,
                at=day(15.1),
                origin="subscription_update",
                totals={"total": "-1200", "tax": "-200", "credit_to_balance": "1200"},
                lines=[
                    line(-2500, -500, price_id="pri_month_b", prorated=True),
                    line(1500, 300, prorated=True),
                ],
            ),
        ],
        [FIRST, ("downgrade", 0, 0), ("credit", -1200, -1000)],
    ),
    Row(
        10,
        "seats added, billed with the next period",
        [
            BORN,
            PAID,
            subscribed("updated", at=day(15), items=[item(5)]),
            renewed(
                "txn_2",
                25200,
                21000,
                lines=[
                    line(-1500, prorated=True, quantity=-1),
                    line(7500, prorated=True, quantity=5),
                    line(15000, quantity=5),
                ],
            ),
        ],
        [FIRST, ("seat_expansion", 0, 0), ("expansion_payment", 7200, 6000), ("renewal", 18000, 15000)],
    ),
    Row(
        10,
        "seats taken away",
        [subscribed("created", items=[item(5)]), PAID, subscribed("updated", at=day(9), items=[item(2)])],
        [FIRST, ("seat_contraction", 0, 0)],
    ),
    Row(
        11,
        "monthly becomes annual",
        [
            BORN,
            PAID,
            subscribed("updated", at=day(15), items=[item(name="pri_year", amount=30000, interval="year")]),
            completed(
                "txn_2",
                34200,
                28500,
                at=day(15.1),
                origin="subscription_update",
                lines=[line(-1500, prorated=True, quantity=-1), line(30000, price_id="pri_year")],
            ),
        ],
        [FIRST, ("interval_change", 0, 0), ("expansion_payment", 34200, 28500)],
    ),
    Row(
        12,
        "credit before an issued invoice is paid",
        [
            BORN,
            adjusted(total=600, tax=100, action="credit", at=day(-1), credit_applied_to_balance=False),
            completed("txn_1", 3600, 3000, collection_mode="manual", payments=[attempt(3000, day(0))]),
        ],
        [("first_payment", 3000, 2500)],
    ),
    Row(13, "a refund", [BORN, PAID, adjusted(total=600, tax=100)], [FIRST, ("refund", -600, -500)]),
    Row(
        14,
        "credit to the balance, and taken again",
        [
            BORN,
            PAID,
            adjusted("adj_1", 600, 100, action="credit", credit_applied_to_balance=True),
            adjusted("adj_2", 600, 100, action="credit_reverse", at=day(5)),
        ],
        [FIRST, ("credit", -600, -500), ("credit_reversed", 600, 500)],
    ),
    Row(
        17,
        "refunds in parts",
        [BORN, completed("txn_1", 1000, 840), *(adjusted(f"adj_{n}", 333, at=day(2 + n)) for n in (1, 2, 3))],
        [
            ("first_payment", 1000, 840),
            ("refund", -333, -280),
            ("refund", -333, -279),
            ("refund", -333, -280),
        ],
    ),
    Row(18, "a full refund", [BORN, PAID, adjusted(total=3600, tax=600)], [FIRST, ("refund", -3600, -3000)]),
    Row(
        19,
        "a refund months later",
        [BORN, PAID, adjusted(total=600, at=day(100))],
        [FIRST, ("refund", -600, -500)],
    ),
    Row(
        20,
        "a refund waits and is rejected",
        [BORN, PAID, adjusted(status="pending_approval"), adjusted(status="rejected", seen=day(4))],
        [FIRST],
    ),
    Row(
        20,
        "a refund waits and is approved",
        [BORN, PAID, adjusted(status="pending_approval"), adjusted(seen=day(4))],
        [FIRST, ("refund", -600, -500)],
    ),
    Row(
        20,
        "a refund is approved and reversed",
        [BORN, PAID, adjusted(), adjusted(status="reversed", seen=day(6))],
        [FIRST, ("refund", -600, -500), ("refund_reversed", 600, 500)],
    ),
    Row(
        21,
        "a chargeback that is won",
        [
            BORN,
            PAID,
            adjusted("adj_1", 3600, 600, action="chargeback"),
            adjusted("adj_1", 3600, 600, action="chargeback", status="reversed", seen=day(40)),
            adjusted("adj_2", 3600, 600, action="chargeback_reverse", at=day(40)),
        ],
        [FIRST, ("chargeback", -3600, -3000), ("chargeback_reversed", 3600, 3000)],
    ),
    Row(
        22,
        "a chargeback that is lost",
        [BORN, PAID, adjusted("adj_1", 3600, 600, action="chargeback")],
        [FIRST, ("chargeback", -3600, -3000)],
    ),
    Row(
        23,
        "a warning of a chargeback that names no amount",
        [BORN, PAID, adjusted(total=0, action="chargeback_warning")],
        [FIRST],
    ),
    Row(
        23,
        "a warning of a chargeback that names one, and its end",
        [
            BORN,
            PAID,
            adjusted("adj_1", 3600, action="chargeback_warning"),
            adjusted("adj_2", 3600, action="chargeback_warning_reverse"),
        ],
        [FIRST],
        (
            ("unproven_adjustment", "chargeback_warning of 3600"),
            ("unproven_adjustment", "chargeback_warning_reverse of 3600"),
        ),
    ),
    Row(
        25,
        "a refund and a chargeback of one payment",
        [BORN, PAID, adjusted("adj_1", 3000), adjusted("adj_2", 3600, action="chargeback", at=day(9))],
        [FIRST, ("refund", -3000, -2500), ("chargeback", -600, -500)],
        (("chargeback_exceeds_payment", "3000"),),
    ),
    Row(
        26,
        "paused and resumed",
        [BORN, PAID, subscribed("paused", "paused", day(8)), subscribed("resumed", at=day(12))],
        [FIRST, ("pause", 0, 0), ("resume", 0, 0)],
    ),
    Row(
        26,
        "a pause is only planned",
        [
            BORN,
            PAID,
            subscribed(
                "updated",
                at=day(8),
                scheduled_change={"action": "pause", "effective_at": stamp(day(30)), "resume_at": None},
            ),
        ],
        [FIRST],
    ),
    Row(
        27,
        "an end is planned, and withdrawn",
        [
            BORN,
            PAID,
            subscribed(
                "updated",
                at=day(8),
                scheduled_change={"action": "cancel", "effective_at": stamp(day(30)), "resume_at": None},
            ),
            subscribed("updated", at=day(9)),
        ],
        [FIRST, ("cancel_scheduled", 0, 0), ("cancel_withdrawn", 0, 0)],
    ),
    Row(
        28,
        "ended, and back later",
        [
            BORN,
            PAID,
            ENDED,
            subscribed("created", at=day(50), name=OTHER, started_at=stamp(day(50))),
            completed("txn_2", 3600, 3000, at=day(50), subscription=OTHER),
        ],
        [FIRST, ("cancellation", 0, 0), ("reactivation", 0, 0), ("reactivation_payment", 3600, 3000)],
    ),
    Row(
        29,
        "a second subscription beside the first",
        [BORN, PAID, completed("txn_2", 1200, 1000, at=day(5), subscription=OTHER)],
        [FIRST, ("first_payment", 1200, 1000)],
    ),
    Row(
        30,
        "the first payment is a year's",
        [
            subscribed("created", items=[item(name="pri_year", amount=30000, interval="year")]),
            completed("txn_1", 36000, 30000),
        ],
        [("first_payment", 36000, 30000)],
    ),
    Row(
        31,
        "another currency, without digits",
        [BORN, completed("txn_1", 3300, 3000, currency_code="JPY")],
        [("first_payment", 3300, 3000)],
    ),
    Row(
        32,
        "a price with the tax inside",
        [BORN, completed("txn_1", 1999, 1680, items=[{"price": price(tax_mode="internal")}])],
        [("first_payment", 1999, 1680)],
    ),
    Row(
        33,
        "a payment fails, and works later",
        [
            BORN,
            PAID,
            event(
                "transaction.payment_failed",
                transaction(
                    "txn_2",
                    at=day(30),
                    origin="subscription_recurring",
                    status="past_due",
                    payments=[attempt(3600, day(30), "error")],
                ),
                day(30),
            ),
            renewed(
                days=32,
                payments=[attempt(3600, day(32)), attempt(3600, day(30), "error")],
            ),
        ],
        [FIRST, ("payment_failed", 0, 0), ("renewal", 3600, 3000)],
    ),
    Row(
        34,
        "an issued bill is given up",
        [
            BORN,
            PAID,
            event(
                "transaction.canceled",
                transaction("txn_2", at=day(30), status="canceled", payments=[]),
                day(60),
            ),
        ],
        [FIRST, ("uncollectible", 0, 0)],
    ),
    Row(
        35,
        "only a part of a bill was captured",
        [BORN, completed("txn_1", 3600, 3000, payments=[attempt(1200, day(0))])],
        [("first_payment", 1200, 1000)],
    ),
    Row(
        38,
        "paid outside of Paddle",
        [BORN, completed("txn_1", 3600, 3000, payments=[attempt(3600, day(0), method="offline")])],
        [FIRST],
    ),
    Row(
        39,
        "more was captured than the bill",
        [BORN, completed("txn_1", 3600, 3000, payments=[attempt(5000, day(0))])],
        [FIRST],
    ),
    Row(
        40,
        "an invoice is paid after sixty days",
        [
            BORN,
            completed(
                "txn_1",
                3600,
                3000,
                at=day(60),
                billed_at=stamp(day(0)),
                collection_mode="manual",
                origin="api",
            ),
        ],
        [FIRST],
    ),
    Row(
        41,
        "a subscription that was paid for elsewhere",
        [
            subscribed("imported", import_meta={"external_id": "sub_old", "imported_from": "other"}),
            renewed("txn_1", days=10),
            renewed("txn_2", days=40),
        ],
        [("renewal", 3600, 3000), ("renewal", 3600, 3000)],
    ),
    Row(
        42,
        "a checkout that was left",
        [
            event(
                "transaction.updated",
                transaction(status="ready", subscription=None, payments=[], billed_at=None),
                day(0),
            ),
            event(
                "transaction.canceled",
                transaction(status="canceled", subscription=None, payments=[], billed_at=None),
                day(9),
            ),
        ],
        [],
    ),
    Row(
        43,
        "of the test environment",
        [event("transaction.completed", transaction(net=3000), day(0), livemode=False)],
        [FIRST],
    ),
    Row(
        44,
        "tax was corrected after completion",
        [
            BORN,
            PAID,
            event(
                "transaction.revised",
                transaction(net=3300, revised_at=stamp(day(4)), updated_at=stamp(day(4))),
                day(4),
            ),
        ],
        [("first_payment", 3600, 3300)],
    ),
    Row(
        45,
        "usage is charged",
        [BORN, PAID, completed("txn_2", 1200, 1000, at=day(9), origin="subscription_charge")],
        [FIRST, ("expansion_payment", 1200, 1000)],
    ),
    Row(46, "of one account of two", [BORN, PAID], [FIRST]),
]


@pytest.mark.parametrize("row", CASES, ids=[f"{row.number}: {row.what}" for row in CASES])
def test_a_case_makes_its_events_and_parks_the_rest(row: Row) -> None:
    assert sorted(told(row.records)) == sorted(row.events)
    assert tuple(parked(row.records)) == row.parked


@pytest.mark.parametrize("row", CASES, ids=[f"{row.number}: {row.what}" for row in CASES])
def test_a_case_is_the_same_in_any_order_and_told_twice(row: Row) -> None:
    assert written([*row.records[::-1], *row.records]) == written(row.records)


def test_every_case_is_here_but_those_paddle_does_not_have() -> None:
    assert {row.number for row in CASES} == set(range(1, 47)) - NOT_AT_PADDLE


def of(number: int) -> list[RawRecord]:
    return next(row.records for row in CASES if row.number == number)


def test_case_6_says_what_the_coupon_was_worth() -> None:
    assert only(of(6), "first_payment").discount_minor == 1500


def test_case_7_is_an_upgrade_by_its_lines_and_by_its_state() -> None:
    assert only(of(7), "expansion_payment").expansion == "upgrade"
    change = only(of(7), "upgrade")
    assert (change.price_ref_before, change.price_ref_after) == ("pri_month_a", "pri_month_b")
    assert (change.mrr_before_minor, change.mrr_after_minor) == (3000, 9000)


def test_case_10_is_seats() -> None:
    assert only(of(10), "expansion_payment").expansion == "seats"
    change = only(of(10), "seat_expansion")
    assert (change.quantity_before, change.quantity_after, change.mrr_after_minor) == (1, 5, 15000)


def test_case_11_brings_less_a_month_and_more_at_once() -> None:
    change = only(of(11), "interval_change")
    assert (change.mrr_before_minor, change.mrr_after_minor, change.interval) == (3000, 2500, "year")


def test_case_18_is_full_and_leaves_nothing() -> None:
    refund = only(of(18), "refund")
    assert (refund.is_full, refund.net_after_minor, refund.cumulative_refunded_minor) == (True, 0, 3600)
    assert refund.parent_event_key == "paddle:main:transaction:txn_1:first_payment"


def test_case_19_is_booked_when_it_was_made() -> None:
    assert only(of(19), "refund").occurred_at == day(100)


def test_case_28_is_no_new_customer() -> None:
    assert not only(of(28), "reactivation_payment").is_first_for_customer


def test_case_29_is_the_first_of_its_subscription_only() -> None:
    second = written(of(29)).events[-1]
    assert (second.is_first_for_customer, second.is_first_for_subscription) == (False, True)


def test_case_31_has_the_currencys_digits() -> None:
    payment = only(of(31), "first_payment")
    assert (payment.currency, payment.exponent) == ("JPY", 0)


def test_case_33_is_paid_when_the_money_came() -> None:
    assert only(of(33), "payment_failed").occurred_at == day(30)
    assert only(of(33), "renewal").occurred_at == day(32)


def test_case_38_says_how_much_came_elsewhere() -> None:
    assert only(of(38), "first_payment").off_provider_minor == 3600


def test_case_40_is_paid_when_the_money_came() -> None:
    assert only(of(40), "first_payment").occurred_at == day(60)


def test_case_41_is_no_first_payment_of_a_customer() -> None:
    assert not any(each.is_first_for_customer for each in written(of(41)).events)


def test_case_43_is_marked() -> None:
    assert only(of(43), "first_payment").livemode is False


def test_case_44_restates_the_same_row() -> None:
    before, after = only([BORN, PAID], "first_payment"), only(of(44), "first_payment")
    assert (before.event_key, before.occurred_at) == (after.event_key, after.occurred_at)
    assert (before.source_event_id, after.tax_minor) == (after.source_event_id, 300)


def test_case_46_is_told_apart_by_the_accounts_name() -> None:
    assert only(of(46), "first_payment").event_key.startswith("paddle:main:")


def test_a_subscription_named_late_is_the_transactions_own() -> None:
    """The event that completes a checkout may name none: the subscription names what began it."""
    records = [completed(subscription=None), subscribed("created", transaction_id="txn_1")]
    assert only(records, "first_payment").subscription_ref == SUB


def test_without_a_subscription_it_is_one_off() -> None:
    assert told([completed(subscription=None)]) == [("one_off_payment", 3600, 3600)]


def test_a_changed_card_is_nothing() -> None:
    assert told([BORN, completed("txn_0", 0, origin="subscription_payment_method_change")]) == []


def test_a_bill_that_credit_paid_is_not_free() -> None:
    assert told([BORN, PAID, renewed("txn_2", 0, 0, totals={"total": "3600", "credit": "3600"})]) == [FIRST]


def test_tax_given_back_alone_leaves_the_net() -> None:
    records = [BORN, PAID, adjusted(total=600, tax=600)]
    assert told(records) == [("first_payment", 3000, 3000)]
    assert told([*records, adjusted("adj_2", 3000, at=day(9))]) == [
        ("first_payment", 3000, 3000),
        ("refund", -3000, -3000),
    ]


def test_an_old_transaction_has_its_share_of_the_tax() -> None:
    """`grand_total_tax` came in 2026. Of 3600 with 600 tax, 1200 were paid by credit."""
    totals = {"credit": "1200", "grand_total": "2400", "grand_total_tax": None}
    assert told([BORN, completed("txn_1", 3600, 3000, totals=totals, payments=[])]) == [
        ("first_payment", 2400, 2000)
    ]


def test_a_payment_is_known_by_its_own_words_then_its_subscriptions_then_the_checkouts() -> None:
    checkout = completed(custom_data={"cs_gclid": "of-checkout", "cs_fbc": "fb.1.2.3", "other": "x"})
    bare = [checkout, renewed()]
    named = [*bare, subscribed("updated", at=day(5), custom_data={"cs_gclid": "of-subscription"})]
    own = [*named, renewed("txn_3", days=60, custom_data={"cs_gclid": "own"})]
    clicks = [
        dict(each.click_ids)
        for each in written(own).events
        if each.kind.value.endswith(("payment", "renewal"))
    ]
    assert dict(only(bare, "renewal").click_ids) == {"gclid": "of-checkout", "fbc": "fb.1.2.3"}
    assert dict(only(named, "renewal").click_ids)["gclid"] == "of-subscription"
    assert [each["gclid"] for each in clicks] == ["of-checkout", "of-subscription", "own"]


def test_who_is_named_where_becomes_links() -> None:
    customer = {
        "id": "ctm_01hv6y1jedq4p1n0yqn5ba3ky4",
        "email": "jane@example.com",
        "name": "Jane",
        "custom_data": {"cs_user_id": 42},
        "created_at": stamp(day(0)),
        "updated_at": stamp(day(1)),
    }
    records = [
        event("customer.updated", customer, day(1)),
        completed(custom_data={"cs_anon_id": "v1", "cs_user_id": ""}),
        subscribed("created", custom_data={"cs_user_id": "u2"}),
    ]
    links = {(str(link.from_end), link.from_id, link.source_ref) for link in written(records).links}
    assert links == {("user", "42", customer["id"]), ("visitor", "v1", "txn_1"), ("user", "u2", SUB)}


def test_an_hour_of_a_payment_is_exact_to_the_microsecond() -> None:
    at = day(0) + timedelta(microseconds=123456)
    assert only([completed(payments=[attempt(3600, at)])], "first_payment").occurred_at == at
