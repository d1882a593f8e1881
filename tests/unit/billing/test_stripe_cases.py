"""Every edge case of the specification as Stripe tells it: what stands in the book, row by row.

Source: specs/billing.md §6.4; the number of a row is the case's number there. Amounts are (gross, net).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from conversion_sync.billing.listed import listed_record
from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.normalise import book
from conversion_sync.model.revenue import RevenueEvent
from tests.unit.billing.stripe_records import (
    CUSTOMER,
    KEYS,
    START,
    Json,
    day,
    event,
    invoice,
    line,
    paid,
    paid_by,
    parked,
    refund,
    seconds,
    written,
)

Row = tuple[Any, ...]


def sub(
    what: str,
    at: datetime,
    *items: tuple[str, int, int, str],
    status: str = "active",
    was: Mapping[str, Any] | None = None,
    name: str = "sub_1",
    **more: Any,
) -> RawRecord:
    """A subscription to items of (price, quantity, unit amount, interval), as an event shows it."""
    thing = {
        "id": name,
        "object": "subscription",
        "customer": "cus_1",
        "currency": "usd",
        "status": status,
        "created": seconds(START),
        "ended_at": seconds(at) if what == "deleted" else None,
        "items": _items(*(items or (("price_a", 1, 1000, "month"),))),
        "metadata": {},
        "pause_collection": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
    }
    data = {} if was is None else {"previous_attributes": dict(was)}
    return event(f"customer.subscription.{what}", thing | more, at, **data)


def _items(*rows: tuple[str, int, int, str]) -> Json:
    return {
        "data": [
            {
                "id": f"si_{place}",
                "price": {
                    "id": price,
                    "unit_amount": amount,
                    "recurring": {"interval": interval, "interval_count": 1},
                },
                "quantity": quantity,
                "current_period_end": seconds(day(30)),
            }
            for place, (price, quantity, amount, interval) in enumerate(rows)
        ]
    }


def dispute(kind: str, status: str, at: datetime, *moved: tuple[int, float], amount: int = 1190) -> RawRecord:
    """A dispute with its balance transactions of (amount, day)."""
    thing = {
        "id": "dp_1",
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [
            {"id": f"txn_{n}", "amount": size, "created": seconds(day(when)), "currency": "usd", "fee": 1500}
            for n, (size, when) in enumerate(moved)
        ],
        "charge": "ch_1",
        "created": seconds(day(5)),
        "currency": "usd",
        "payment_intent": "pi_1",
        "status": status,
    }
    return event(f"charge.dispute.{kind}", thing, at)


def note(total: int, at: datetime, *, old: bool = False, kind: str = "created", **more: Any) -> RawRecord:
    """A credit note of the first invoice."""
    thing = {
        "id": "cn_1",
        "object": "credit_note",
        "created": seconds(day(3)),
        "currency": "usd",
        "customer": "cus_1",
        "invoice": "in_1",
        "out_of_band_amount": None,
        "status": "void" if kind == "voided" else "issued",
        "total": total,
        "type": "post_payment",
    }
    shaped = {} if old else {"post_payment_amount": total, "pre_payment_amount": 0, "refunds": []}
    return event(f"credit_note.{kind}", thing | shaped | more, at, old=old)


def intent(amount: int = 700, at: datetime = START, **more: Any) -> RawRecord:
    """A payment that succeeded."""
    thing = {
        "id": "pi_9",
        "object": "payment_intent",
        "amount": amount,
        "amount_received": amount,
        "created": seconds(at),
        "currency": "usd",
        "customer": "cus_1",
        "metadata": {"cs_gclid": "g-9"},
        "status": "succeeded",
    }
    return event("payment_intent.succeeded", thing | more, at)


def unpaid(kind: str, status: str, at: datetime, *, amount: int = 0, **more: Any) -> RawRecord:
    """An invoice that is not paid, as an event shows it."""
    thing = invoice(
        total=1190, net=1000, paid=amount, reason="subscription_cycle", status=status, status_transitions={}
    )
    return event(f"invoice.{kind}", thing | more, at)


FIRST = [paid(total=1190, net=1000), paid_by()]
"""1190 paid at the start, 1000 of them without tax."""
SECOND = paid("in_2", 1190, net=1000, reason="subscription_cycle", payment="pi_2", paid_at=day(30))
ONE = ("first_payment", 0, 1190, 1000)
RENEWED = ("renewal", 30, 1190, 1000)
A, B = ("price_a", 1, 1000, "month"), ("price_b", 1, 2500, "month")
YEAR = ("price_y", 1, 10000, "year")
TRIAL = sub("created", START, status="trialing", trial_start=seconds(START))

CASES: list[tuple[int, str, Sequence[RawRecord], list[Row]]] = [
    (1, "a free trial", [TRIAL, paid("in_0", 0)], [("trial_started", 0, 0, 0)]),
    (
        2,
        "a trial becomes paid",
        [TRIAL, paid("in_0", 0), paid(total=1190, net=1000, reason="subscription_cycle", paid_at=day(14))],
        [("trial_started", 0, 0, 0), ("first_payment", 14, 1190, 1000)],
    ),
    (
        3,
        "a paid trial",
        [
            sub(
                "created",
                START,
                items={
                    "data": [
                        _items(A)["data"][0]
                        | {"current_trial": {"start_date": seconds(START), "end_date": seconds(day(7))}}
                    ]
                },
            ),
            paid("in_0", 100),
            paid(total=1190, net=1000, reason="subscription_cycle", paid_at=day(7)),
        ],
        [("trial_payment", 0, 100, 100), ("trial_started", 0, 0, 0), ("first_payment", 7, 1190, 1000)],
    ),
    (4, "nothing to pay, no trial", [sub("created", START), paid("in_0", 0)], [("free_started", 0, 0, 0)]),
    (
        5,
        "a coupon for all of the first month",
        [
            sub("created", START),
            paid("in_0", 0, discount=1190),
            paid(total=1190, net=1000, reason="subscription_cycle", paid_at=day(30)),
        ],
        [("free_started", 0, 0, 0), ("first_payment", 30, 1190, 1000)],
    ),
    (6, "a coupon for a part", [paid(total=952, net=800, discount=238)], [("first_payment", 0, 952, 800)]),
    (
        7,
        "an upgrade that is paid at once",
        [
            *FIRST,
            sub("created", START, A),
            sub("updated", day(15), B, was={"items": _items(A)}),
            paid(
                "in_2",
                900,
                reason="subscription_update",
                paid_at=day(15),
                lines=[line(-500, proration=True), line(1400, price="price_b", proration=True)],
            ),
        ],
        [ONE, ("expansion_payment", 15, 900, 900), ("upgrade", 15, 0, 0)],
    ),
    (
        8,
        "an upgrade that is paid with the next cycle",
        [
            *FIRST,
            sub("created", START, A),
            sub("updated", day(15), B, was={"items": _items(A)}),
            paid(
                "in_2",
                4000,
                reason="subscription_cycle",
                paid_at=day(30),
                lines=[line(1500, price="price_b", proration=True), line(2500, price="price_b")],
            ),
        ],
        [ONE, ("upgrade", 15, 0, 0), ("expansion_payment", 30, 1500, 1500), ("renewal", 30, 2500, 2500)],
    ),
    (
        9,
        "a downgrade with credit",
        [
            *FIRST,
            sub("created", START, B),
            sub("updated", day(15), A, was={"items": _items(B)}),
            paid("in_2", 1000, paid=250, reason="subscription_cycle", paid_at=day(30), net=1000),
        ],
        [ONE, ("downgrade", 15, 0, 0), ("renewal", 30, 250, 250)],
    ),
    (
        10,
        "seats",
        [
            *FIRST,
            sub("created", START, A),
            sub("updated", day(15), ("price_a", 5, 1000, "month"), was={"items": _items(A)}),
            paid(
                "in_2",
                7000,
                reason="subscription_cycle",
                paid_at=day(30),
                lines=[
                    line(-500, proration=True),
                    line(2500, quantity=5, proration=True),
                    line(5000, quantity=5),
                ],
            ),
        ],
        [
            ONE,
            ("seat_expansion", 15, 0, 0),
            ("expansion_payment", 30, 2000, 2000),
            ("renewal", 30, 5000, 5000),
        ],
    ),
    (
        11,
        "from months to a year",
        [
            *FIRST,
            sub("created", START, A),
            sub("updated", day(15), YEAR, was={"items": _items(A)}),
            paid(
                "in_2",
                9500,
                reason="subscription_update",
                paid_at=day(15),
                lines=[line(-500, proration=True), line(10000, price="price_y")],
            ),
        ],
        [ONE, ("expansion_payment", 15, 9500, 9500), ("interval_change", 15, 0, 0)],
    ),
    (
        12,
        "a credit note before the payment",
        [
            paid(total=1190, net=1000, paid=595),
            note(595, day(3), type="pre_payment", pre_payment_amount=595, post_payment_amount=0),
        ],
        [("first_payment", 0, 595, 500)],
    ),
    (
        13,
        "a credit note with its refund",
        [*FIRST, note(595, day(3), refunds=[{"refund": "re_1", "amount_refunded": 595}]), refund(amount=595)],
        [ONE, ("refund", 1, -595, -500)],
    ),
    (
        13,
        "the same, old",
        [*FIRST, note(595, day(3), old=True, refund="re_1"), refund(amount=595)],
        [
            ONE,
            ("refund", 1, -595, -500),
        ],
    ),
    (14, "a credit note to the balance", [*FIRST, note(238, day(3))], [ONE, ("credit", 3, -238, -200)]),
    (
        14,
        "voided later",
        [*FIRST, note(238, day(3)), note(238, day(4), kind="voided")],
        [ONE, ("credit", 3, -238, -200), ("credit_reversed", 4, 238, 200)],
    ),
    (
        15,
        "a credit note out of band",
        [*FIRST, note(595, day(3), out_of_band_amount=595)],
        [ONE, ("refund", 3, -595, -500)],
    ),
    (
        16,
        "a mixed credit note",
        [
            paid(total=1190, net=1000, paid=1000),
            paid_by(),
            note(
                690,
                day(3),
                type="mixed",
                pre_payment_amount=190,
                post_payment_amount=500,
                out_of_band_amount=100,
                refunds=[{"refund": "re_1", "amount_refunded": 300}],
            ),
            refund(amount=300),
        ],
        [
            ("first_payment", 0, 1000, 840),
            ("refund", 1, -300, -252),
            ("credit", 3, -100, -84),
            ("refund", 3, -100, -84),
        ],
    ),
    (
        17,
        "a refund in parts",
        [
            *FIRST,
            refund(amount=397),
            refund("re_2", 397, created=day(2)),
            refund("re_3", 396, created=day(3)),
        ],
        [ONE, ("refund", 1, -397, -334), ("refund", 2, -397, -333), ("refund", 3, -396, -333)],
    ),
    (18, "a full refund", [*FIRST, refund(amount=1190)], [ONE, ("refund", 1, -1190, -1000)]),
    (
        19,
        "a refund in another month",
        [*FIRST, refund(amount=1190, created=day(65))],
        [ONE, ("refund", 65, -1190, -1000)],
    ),
    (20, "a refund that waits", [*FIRST, refund(amount=595, status="pending")], [ONE]),
    (
        20,
        "a refund that fails before it went",
        [*FIRST, refund(status="pending"), refund(status="failed", kind="failed", at=day(2))],
        [ONE],
    ),
    (
        20,
        "a refund that fails after it went",
        [*FIRST, refund(amount=595), refund(amount=595, status="failed", kind="failed", at=day(4))],
        [ONE, ("refund", 1, -595, -500), ("refund_reversed", 4, 595, 500)],
    ),
    (
        21,
        "a dispute that is won",
        [
            *FIRST,
            dispute("created", "needs_response", day(5), (-1190, 5)),
            dispute("funds_withdrawn", "needs_response", day(5), (-1190, 5)),
            dispute("funds_reinstated", "won", day(40), (-1190, 5), (1190, 40)),
            dispute("closed", "won", day(40), (-1190, 5), (1190, 40)),
        ],
        [ONE, ("chargeback", 5, -1190, -1000), ("chargeback_reversed", 40, 1190, 1000)],
    ),
    (
        21,
        "a dispute that only its events' types tell of",
        [
            *FIRST,
            dispute("funds_withdrawn", "needs_response", day(5)),
            dispute("funds_reinstated", "won", day(40)),
        ],
        [ONE, ("chargeback", 5, -1190, -1000), ("chargeback_reversed", 40, 1190, 1000)],
    ),
    (
        22,
        "a dispute that is lost",
        [
            *FIRST,
            dispute("funds_withdrawn", "under_review", day(5), (-1190, 5)),
            dispute("closed", "lost", day(40), (-1190, 5)),
        ],
        [ONE, ("chargeback", 5, -1190, -1000)],
    ),
    (23, "an inquiry", [*FIRST, dispute("created", "warning_needs_response", day(5))], [ONE]),
    (23, "an inquiry that ends", [*FIRST, dispute("closed", "warning_closed", day(9))], [ONE]),
    (23, "a prevented dispute", [*FIRST, dispute("created", "prevented", day(5))], [ONE]),
    (
        24,
        "an appeal that is won",
        [
            *FIRST,
            dispute("closed", "lost", day(40), (-1190, 5)),
            dispute("updated", "appeal_under_review", day(60), (-1190, 5)),
            dispute("funds_reinstated", "won", day(160), (-1190, 5), (1190, 160)),
        ],
        [ONE, ("chargeback", 5, -1190, -1000), ("chargeback_reversed", 160, 1190, 1000)],
    ),
    (
        25,
        "a refund and a dispute of one payment",
        [*FIRST, refund(amount=595), dispute("funds_withdrawn", "needs_response", day(5), (-1190, 5))],
        [ONE, ("refund", 1, -595, -500), ("chargeback", 5, -595, -500)],
    ),
    (
        26,
        "a pause of collection",
        [
            sub("created", START),
            sub("updated", day(2), pause_collection={"behavior": "void"}, was={"pause_collection": None}),
            sub("updated", day(9), was={"pause_collection": {"behavior": "void"}}),
        ],
        [("pause", 2, 0, 0), ("resume", 9, 0, 0)],
    ),
    (
        26,
        "a pause of the subscription",
        [
            sub("created", START),
            sub("paused", day(2), status="paused", was={"status": "active"}),
            sub("resumed", day(9), was={"status": "paused"}),
        ],
        [("pause", 2, 0, 0), ("resume", 9, 0, 0)],
    ),
    (
        27,
        "an end that is planned, and not",
        [
            sub("created", START),
            sub("updated", day(2), cancel_at_period_end=True, was={"cancel_at_period_end": False}),
            sub("updated", day(9), was={"cancel_at_period_end": True}),
        ],
        [("cancel_scheduled", 2, 0, 0), ("cancel_withdrawn", 9, 0, 0)],
    ),
    (
        28,
        "a comeback",
        [
            *FIRST,
            sub("deleted", day(30), status="canceled"),
            paid("in_2", 1190, net=1000, subscription="sub_2", payment="pi_2", paid_at=day(60)),
        ],
        [
            ONE,
            ("cancellation", 30, 0, 0),
            ("reactivation", 60, 0, 0),
            ("reactivation_payment", 60, 1190, 1000),
        ],
    ),
    (
        29,
        "a second subscription",
        [*FIRST, paid("in_2", 1190, net=1000, subscription="sub_2", payment="pi_2", paid_at=day(60))],
        [ONE, ("first_payment", 60, 1190, 1000)],
    ),
    (
        30,
        "a year at first",
        [paid(total=10000, lines=[line(10000, price="price_y")])],
        [("first_payment", 0, 10000, 10000)],
    ),
    (
        31,
        "two currencies",
        [*FIRST, paid("in_2", 500, currency="jpy", subscription="sub_2", payment="pi_2", paid_at=day(3))],
        [ONE, ("first_payment", 3, 500, 500)],
    ),
    (
        32,
        "prices with the tax inside",
        [paid(total=1100, net=1000, lines=[line(1100, tax=100, inclusive=True)])],
        [("first_payment", 0, 1100, 1000)],
    ),
    (
        33,
        "a payment that fails and then works",
        [
            *FIRST,
            event("invoice.payment_failed", invoice("in_2", 1190, paid=0, status="open"), day(30)),
            paid("in_2", 1190, net=1000, reason="subscription_cycle", payment="pi_2", paid_at=day(32)),
        ],
        [ONE, ("payment_failed", 30, 0, 0), ("renewal", 32, 1190, 1000)],
    ),
    (34, "an invoice that is void", [unpaid("voided", "void", day(9))], []),
    (
        34,
        "an invoice that is given up",
        [unpaid("marked_uncollectible", "uncollectible", day(9))],
        [("uncollectible", 9, 0, 0)],
    ),
    (
        35,
        "an invoice that is given up when a part is paid",
        [
            unpaid("marked_uncollectible", "uncollectible", day(9), amount=595),
            event(
                "invoice_payment.paid",
                {
                    "id": "inpay_1",
                    "object": "invoice_payment",
                    "invoice": "in_1",
                    "amount_paid": 595,
                    "payment": {"type": "payment_intent", "payment_intent": "pi_1"},
                    "status": "paid",
                    "status_transitions": {"paid_at": seconds(day(4))},
                },
                day(4),
            ),
        ],
        [("first_payment", 4, 595, 500), ("uncollectible", 9, 0, 0)],
    ),
    (
        36,
        "a paid invoice that is reopened",
        [*FIRST, unpaid("updated", "open", day(12))],
        [ONE, ("payment_reversed", 12, -1190, -1000)],
    ),
    (
        37,
        "another phase of a schedule",
        [
            *FIRST,
            sub("created", START, A),
            sub("updated", day(30), B, was={"items": _items(A), "schedule": "sub_sched_1"}),
            paid("in_2", 2500, reason="subscription_cycle", payment="pi_2", paid_at=day(30)),
        ],
        [ONE, ("renewal", 30, 2500, 2500), ("upgrade", 30, 0, 0)],
    ),
    (
        38,
        "paid out of band, old",
        [paid(total=1190, net=1000, old=True, paid_out_of_band=True, payment=None)],
        [ONE],
    ),
    (
        38,
        "paid out of band, new",
        [
            paid(total=1190, net=1000),
            event(
                "invoice_payment.paid",
                {
                    "id": "inpay_1",
                    "object": "invoice_payment",
                    "invoice": "in_1",
                    "amount_paid": 1190,
                    "payment": {"type": "payment_record", "payment_record": "pyr_1"},
                },
                START,
            ),
        ],
        [ONE],
    ),
    (39, "an overpayment", [paid(total=1190, net=1000, paid=1500)], [ONE]),
    (
        40,
        "an invoice that is sent, paid after 60 days",
        [paid(total=1190, net=1000, collection_method="send_invoice", paid_at=day(60))],
        [("first_payment", 60, 1190, 1000)],
    ),
    (41, "a subscription that is only imported", [sub("updated", day(2), was={"metadata": {}})], []),
    (
        42,
        "one that never begins",
        [
            sub("created", START, status="incomplete"),
            sub("updated", day(1), status="incomplete_expired", was={"status": "incomplete"}),
        ],
        [],
    ),
    (43, "test mode", [paid(total=1190, net=1000, livemode=False)], [ONE]),
    (44, "an invoice that is listed again after it changed", [*FIRST, FIRST[0]], [ONE]),
    (
        45,
        "usage",
        [*FIRST, paid("in_2", 300, reason="subscription_threshold", payment="pi_2", paid_at=day(9))],
        [ONE, ("expansion_payment", 9, 300, 300)],
    ),
    (
        45,
        "usage with the cycle",
        [
            *FIRST,
            paid(
                "in_2",
                1490,
                reason="subscription_cycle",
                payment="pi_2",
                paid_at=day(30),
                lines=[line(1190), line(300, price="price_usage", quantity=30)],
            ),
        ],
        [ONE, ("renewal", 30, 1490, 1490)],
    ),
    (46, "two accounts", FIRST, [ONE]),
]


@pytest.mark.parametrize(
    ("records", "expected"), [row[2:] for row in CASES], ids=[f"{row[0]}: {row[1]}" for row in CASES]
)
def test_every_case_of_the_specification_has_its_rows(
    records: Sequence[RawRecord], expected: list[Row]
) -> None:
    for told in (records, list(reversed(records)), [*records, *records]):
        found = [
            (event.kind.value, (event.occurred_at - START).total_seconds() / 86400, *amounts(event))
            for event in written(told).events
        ]
        assert sorted(found) == sorted(expected)


def amounts(event: RevenueEvent) -> tuple[int, int]:
    return event.gross_minor, event.net_minor


def test_every_case_is_here() -> None:
    assert {number for number, *_ in CASES} == set(range(1, 47))


def of(number: int, place: int = 0) -> tuple[RevenueEvent, ...]:
    """The events of a case's records."""
    return written([rows for case, _, rows, _ in CASES if case == number][place]).events


def test_what_a_case_says_beside_its_amounts() -> None:
    assert [event.is_full for event in of(17) if event.kind.value == "refund"] == [False, False, True]
    assert [event.is_full for event in of(18)] == [None, True]
    assert [event.off_provider_minor for event in of(15)] == [None, 595]
    assert [event.off_provider_minor for event in (*of(38, 0), *of(38, 1))] == [1190, 1190]
    assert [event.is_first_for_customer for event in of(29)] == [True, False]
    assert {event.currency: event.exponent for event in of(31)} == {"USD": 2, "JPY": 0}
    assert [event.livemode for event in of(43)] == [False]
    assert [event.expansion for event in of(45) if event.expansion] == ["usage"]
    assert [event.expansion for event in of(10) if event.expansion] == ["seats"]
    upgrade = next(event for event in of(7) if event.kind.value == "upgrade")
    assert (upgrade.price_ref_before, upgrade.price_ref_after) == ("price_a", "price_b")
    assert (upgrade.mrr_before_minor, upgrade.mrr_after_minor) == (1000, 2500)
    annual = next(event for event in of(11) if event.kind.value == "interval_change")
    assert (annual.interval, annual.mrr_before_minor, annual.mrr_after_minor) == ("year", 1000, 833)
    seats = next(event for event in of(10) if event.kind.value == "seat_expansion")
    assert (seats.quantity_before, seats.quantity_after) == (1, 5)
    over = next(rows for number, _, rows, _ in CASES if number == 25)
    assert parked(over) == [("dp_1", "chargeback_exceeds_payment", "595")]


def test_two_accounts_share_no_key() -> None:
    other = book(CUSTOMER, FIRST, replace(KEYS, account="second"))
    assert {event.event_key for event in other.events}.isdisjoint(
        {event.event_key for event in written(FIRST).events}
    )


# -- payments without an invoice -------------------------------------------------------------------------


ALONE: list[tuple[str, list[RawRecord], list[Row]]] = [
    ("nothing else", [intent()], [("one_off_payment", "pi_9", 700, 700)]),
    ("an old one that names its invoice", [intent(invoice="in_9")], []),
    ("one an invoice payment names", [intent(), paid_by("in_9", "pi_9")], []),
    (
        "one of the amount and the time of an invoice whose payment nobody knows",
        [intent(), paid("in_9", 700)],
        [("first_payment", "in_9", 700, 700)],
    ),
    (
        "one of the amount of an invoice long ago",
        [intent(at=day(3)), paid("in_9", 700)],
        [("first_payment", "in_9", 700, 700), ("one_off_payment", "pi_9", 700, 700)],
    ),
    ("one that is not made yet", [intent(status="requires_payment_method")], []),
    (
        "one of a checkout that says the tax",
        [
            intent(),
            event(
                "checkout.session.completed",
                {
                    "id": "cs_1",
                    "object": "checkout.session",
                    "customer": "cus_1",
                    "payment_intent": "pi_9",
                    "total_details": {"amount_tax": 100},
                },
                START,
            ),
        ],
        [("one_off_payment", "pi_9", 700, 600)],
    ),
]


@pytest.mark.parametrize(("records", "expected"), [row[1:] for row in ALONE], ids=[row[0] for row in ALONE])
def test_a_payment_is_a_one_off_if_no_invoice_has_it(records: list[RawRecord], expected: list[Row]) -> None:
    found = [(event.kind.value, event.source_object_id, *amounts(event)) for event in written(records).events]
    assert sorted(found) == sorted(expected)


def test_a_one_off_can_be_refunded_and_has_its_clicks() -> None:
    payment, back = written([intent(), refund(amount=200, payment="pi_9")]).events
    assert (payment.click_ids, payment.payment_ref, payment.invoice_ref) == ({"gclid": "g-9"}, "pi_9", None)
    assert (back.kind.value, back.parent_event_key, back.net_after_minor) == (
        *("refund", payment.event_key, 500),
    )


# -- what is listed --------------------------------------------------------------------------------------


def listed(thing: Json, at: datetime, object_type: str) -> RawRecord:
    """An object as a listing shows it."""
    return listed_record(
        thing,
        object_type=object_type,
        object_id=thing["id"],
        created_at=START,
        listed_at=at,
        livemode=True,
        customer_ref="cus_1",
    )


def test_an_invoice_that_is_listed_as_reopened_is_reversed_about_then_and_paid_again_counts_again() -> None:
    states = [
        listed(invoice(total=1190, net=1000, status="paid"), day(1), "invoice"),
        listed(invoice(total=1190, paid=0, status="open", status_transitions={}), day(9), "invoice"),
        listed(invoice(total=1190, net=1000, status="paid", number="A"), day(12), "invoice"),
    ]
    found = [(event.kind.value, event.occurred_at, event.net_minor) for event in written(states).events]
    assert found == [
        ("first_payment", START, 1000),
        ("payment_reversed", day(9), -1000),
        ("refund_reversed", day(12), 1000),
    ]


def test_a_listed_subscription_tells_its_beginning_and_its_end() -> None:
    thing = {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "created": seconds(START),
        "trial_start": seconds(START),
        "ended_at": seconds(day(40)),
        "status": "canceled",
        "items": _items(A),
    }
    found = [
        (event.kind.value, event.occurred_at, event.reconstructed)
        for event in written([listed(thing, day(50), "subscription")]).events
    ]
    assert found == [("trial_started", START, True), ("cancellation", day(40), True)]


UNKNOWN: list[tuple[RawRecord, tuple[str, str, str]]] = [
    (refund(status="dreamt"), ("re_1", "unknown_refund_status", "dreamt")),
    (dispute("updated", "dreamt", day(5)), ("dp_1", "unknown_dispute_status", "dreamt")),
    (note(238, day(3), status="dreamt"), ("cn_1", "unknown_credit_note_status", "dreamt")),
    (unpaid("updated", "dreamt", day(5)), ("in_1", "unknown_invoice_status", "dreamt")),
    (sub("updated", day(5), status="dreamt"), ("sub_1", "unknown_subscription_status", "dreamt")),
    (intent(currency="doge"), ("pi_9", "unknown_currency", "DOGE")),
]


@pytest.mark.parametrize(("record", "why"), UNKNOWN, ids=[row[1][1] for row in UNKNOWN])
def test_a_word_nobody_knows_is_parked_with_what_it_was(record: RawRecord, why: tuple[str, str, str]) -> None:
    assert why in parked([record])
