"""What nobody knows is parked with its reason and never guessed; what is known beside it stays true."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conversion_sync.billing.paddle.catalogue import catalogue
from conversion_sync.billing.provider import RawRecord
from tests.unit.billing.paddle.records import (
    START,
    adjusted,
    attempt,
    completed,
    day,
    event,
    parked,
    stamp,
    subscribed,
    told,
    transaction,
)

PAID = completed("txn_1", 3600, 3000)
FIRST = ("first_payment", 3600, 3000)

UNKNOWN: list[tuple[str, RawRecord, list[tuple[str, str]]]] = [
    (
        "a status of a transaction",
        event("transaction.updated", transaction("txn_2", status="vanished"), day(1)),
        [("unknown_transaction_status", "vanished")],
    ),
    (
        "an origin",
        completed("txn_2", 1200, at=day(1), origin="wormhole"),
        [("unknown_origin", "wormhole")],
    ),
    (
        "a currency",
        completed("txn_2", 1200, at=day(1), currency_code="XTS"),
        [("unknown_currency", "XTS")],
    ),
    (
        "an amount below nothing",
        completed(
            "txn_2", 1200, at=day(1), totals={"grand_total": "-5", "grand_total_tax": "0"}, payments=[]
        ),
        [("negative_amount", "-5")],
    ),
    (
        "more tax than money",
        completed("txn_2", 1200, at=day(1), totals={"grand_total_tax": "1300"}),
        [("tax_exceeds_total", "1300")],
    ),
    (
        "a completed transaction without totals",
        completed("txn_2", 1200, at=day(1), details={}),
        [("no_totals", "completed")],
    ),
    ("an action", adjusted("adj_1", action="levitate"), [("unknown_adjustment_action", "levitate")]),
    (
        "a status of an adjustment",
        adjusted("adj_1", status="dreamt"),
        [("unknown_adjustment_status", "dreamt")],
    ),
    ("a refund below nothing", adjusted("adj_1", total=-600), [("negative_amount", "-600")]),
    ("a refund of nobody's payment", adjusted("adj_1", of="txn_9"), [("refund_without_payment", "txn_9")]),
    (
        "a refund in another currency",
        adjusted("adj_1", currency_code="EUR"),
        [("refund_in_other_currency", "EUR")],
    ),
    (
        "a status of a subscription",
        subscribed("updated", "inactive", day(1)),
        [("unknown_subscription_status", "inactive")],
    ),
    (
        "a change that is planned",
        subscribed(
            "updated", at=day(1), scheduled_change={"action": "sublimate", "effective_at": stamp(day(9))}
        ),
        [("unknown_scheduled_change", "sublimate")],
    ),
    (
        "a type of event",
        event("transaction.teleported", transaction("txn_2"), day(1)),
        [("unknown_event_type", "transaction.teleported")],
    ),
    (
        "another thing",
        event("wallet.created", {"id": "wal_1"}, day(1)),
        [("unknown_event_type", "wallet.created")],
    ),
]


@pytest.mark.parametrize(("record", "reasons"), [row[1:] for row in UNKNOWN], ids=[row[0] for row in UNKNOWN])
def test_what_nobody_knows_is_parked_and_the_rest_is_booked(
    record: RawRecord, reasons: list[tuple[str, str]]
) -> None:
    assert parked([PAID, record]) == reasons
    assert told([PAID, record]) == [FIRST]


def test_a_try_of_an_unknown_status_is_told_and_the_payment_stays() -> None:
    record = completed("txn_1", 3600, 3000, payments=[attempt(3600, START), attempt(3600, START, "swooned")])
    assert (told([record]), parked([record])) == ([FIRST], [("unknown_payment_status", "swooned")])


def test_what_follows_a_payment_nobody_understands_is_no_first_payment() -> None:
    odd = completed("txn_1", 3600, 3000, origin="wormhole")
    later = completed("txn_2", 3600, 3000, at=day(30), origin="subscription_recurring")
    assert told([odd, later]) == [("renewal", 3600, 3000)]


@pytest.mark.parametrize("kind", sorted(catalogue().events.other))
def test_types_that_say_nothing_about_money_are_not_read(kind: str) -> None:
    record = event(kind, {"id": "x"}, day(1))
    assert (told([PAID, record]), parked([PAID, record])) == ([FIRST], [])


def test_the_catalogue_knows_every_type_word_and_currency_of_the_vendors_client() -> None:
    """`inactive` is in its enumeration and documented nowhere, so it stays unknown."""
    from paddle_billing.Entities.Events.EventTypeName import EventTypeName
    from paddle_billing.Entities.Shared import (
        Action,
        AdjustmentStatus,
        CurrencyCode,
        PaymentAttemptStatus,
        TransactionOrigin,
        TransactionStatus,
    )
    from paddle_billing.Entities.Subscriptions import SubscriptionScheduledChangeAction, SubscriptionStatus

    def words(enumeration: Any) -> set[str]:
        values = (getattr(each, "value", None) for each in vars(enumeration).values())
        return {value for value in values if isinstance(value, str)}

    facts = catalogue()
    assert words(EventTypeName) <= {*facts.events.read, *facts.events.other}
    assert words(CurrencyCode) == facts.exponents.zero | facts.exponents.two
    assert all(facts.transaction.knows(word) for word in words(TransactionStatus))
    assert all(facts.origin.of(word) is not None for word in words(TransactionOrigin))
    assert all(facts.adjustment.knows_action(word) for word in words(Action))
    assert all(facts.adjustment.knows_status(word) for word in words(AdjustmentStatus))
    tries = facts.attempt.taken | facts.attempt.failed | facts.attempt.open
    assert words(PaymentAttemptStatus) == tries
    assert {word for word in words(SubscriptionStatus) if facts.subscription.of(word) is None} == {"inactive"}
    planned = facts.scheduled_change.cancel | facts.scheduled_change.other
    assert words(SubscriptionScheduledChangeAction) == planned


@pytest.mark.parametrize("body", ["", "null", "[]", "{}", '{"data": 7}', '{"data": {}}', "{" * 50])
def test_a_record_that_is_none_is_parked_by_its_id(body: str) -> None:
    broken = replace(PAID, event_id="evt_broken", body=body)
    assert [reason for reason, _ in parked([broken])] == ["unreadable_record"]
    assert told([PAID, broken]) == [FIRST]
