"""The laws of Lemon Squeezy's books: any order, any copies, any part, and whatever is wrong with a record."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conversion_sync.billing.provider import RawRecord
from conversion_sync.model.revenue import PAYMENT_KINDS, CustomerBook
from tests.unit.billing.lemon_records import (
    customer,
    invoice,
    listed,
    order,
    sent,
    subscription,
    written,
)

HISTORY = [
    *listed(customer()),
    *sent("order_created", order(101, 0), {"cs_user_id": "u1", "cs_gclid": "g"}),
    *sent("subscription_created", subscription(status="on_trial", trial_ends=14), {"cs_anon_id": "v"}),
    *listed(subscription(changed=14, trial_ends=14, renews=44)),
    *listed(invoice(1, 1190, 14, tax=190, reason="renewal")),
    *listed(invoice(1, 1190, 14, 20, tax=190, reason="renewal", back=300, status="partial_refund")),
    *sent(
        "subscription_payment_refunded",
        invoice(1, 1190, 14, 25, tax=190, reason="renewal", back=1190, status="refunded"),
    ),
    *listed(subscription(changed=30, variant=11, trial_ends=14, renews=44)),
    *listed(invoice(2, 600, 30, reason="updated")),
    *listed(invoice(3, 2000, 44, status="pending", reason="renewal")),
    *listed(subscription(status="past_due", changed=44, variant=11, trial_ends=14, renews=74)),
    *listed(invoice(3, 2000, 44, 47, reason="renewal")),
    *listed(subscription(status="paused", changed=50, variant=11, trial_ends=14, pause={"mode": "free"})),
    *listed(subscription(status="cancelled", changed=55, variant=11, trial_ends=14, ends=74)),
    *listed(subscription(status="expired", changed=75, variant=11, trial_ends=14, ends=74)),
    *listed(order(5, 700, 60), order(5, 700, 60, 61, status="fraudulent"), order(5, 700, 60, 70)),
    *listed(order(6, 100, 62, status="failed")),
    *listed(subscription(2, made=90), invoice(4, 1000, 90, subscription=2)),
    *sent("license_key_created", {"type": "license-keys", "id": "1", "attributes": {"customer_id": 7}}),
]
BOOK = written(HISTORY)
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A slow machine is no mistake."""


@unhurried
@given(st.permutations(HISTORY), st.lists(st.sampled_from(HISTORY), max_size=8))
def test_any_order_and_any_copies_of_the_records_give_the_same_book(
    records: list[RawRecord], copies: list[RawRecord]
) -> None:
    assert written([*copies, *records]) == BOOK


def keeps_the_laws(book: CustomerBook) -> None:
    keys = [event.event_key for event in book.events]
    assert len(set(keys)) == len(keys)
    assert sum(event.is_first_for_customer for event in book.events) <= 1
    firsts = [event.subscription_ref for event in book.events if event.is_first_for_subscription]
    assert len(set(firsts)) == len(firsts)
    payments = {event.event_key: event for event in book.events if event.kind in PAYMENT_KINDS}
    for key, payment in payments.items():
        back = [event for event in book.events if event.parent_event_key == key]
        assert 0 <= payment.gross_minor + sum(event.gross_minor for event in back) <= payment.gross_minor
        assert payment.net_minor + sum(event.net_minor for event in back) >= 0
    assert {event.parent_event_key for event in book.events} - {None} <= set(payments)


@unhurried
@given(st.sets(st.integers(0, len(HISTORY) - 1)))
def test_whatever_is_known_so_far_keeps_the_laws_of_a_book(places: set[int]) -> None:
    keeps_the_laws(written([HISTORY[place] for place in places]))


@unhurried
@given(st.sets(st.integers(0, len(HISTORY) - 1)))
def test_less_that_is_known_never_makes_more_cash(places: set[int]) -> None:
    """What was seen of an order later than its subscription is the order's alone: it is never both."""
    known = written([HISTORY[place] for place in places]).events
    cash = [event.source_object_id for event in known if event.kind in PAYMENT_KINDS]
    assert len(cash) == len(set(cash))


JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.sampled_from(["paid", "expired", "2026-09-05T00:00:00.000000Z", "0000-00-00", "9" * 30]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
BODIES = [json.loads(record.body) for record in HISTORY]
NAMES = sorted({name for body in BODIES if "object" in body for name in body["object"]["attributes"]})


def mutated(record: RawRecord, name: str, junk: Any, *, drop: bool) -> RawRecord:
    """The record with one attribute that is something else, or is not there."""
    body = json.loads(record.body)
    of = (body["object"] if "object" in body else body["data"])["attributes"]
    of.pop(name, None)
    if not drop:
        of[name] = junk
    return replace(record, body=json.dumps(body))


@unhurried
@given(
    st.lists(
        st.tuples(st.integers(0, len(HISTORY) - 1), st.sampled_from(NAMES), JUNK, st.booleans()),
        min_size=1,
        max_size=4,
    )
)
def test_a_record_that_says_nonsense_is_read_or_parked_with_a_reason(
    changes: list[tuple[int, str, Any, bool]],
) -> None:
    records = list(HISTORY)
    for place, name, junk, drop in changes:
        records[place] = mutated(records[place], name, junk, drop=drop)
    book = written(records)
    keeps_the_laws(book)
    assert all(one.reason and one.source_ref for one in book.parked)


@unhurried
@given(st.integers(0, len(HISTORY) - 1), st.text(max_size=30) | JUNK.map(json.dumps))
def test_a_record_whose_body_is_anything_is_parked_and_costs_no_other(place: int, body: str) -> None:
    broken = replace(HISTORY[place], body=body)
    others = [record for number, record in enumerate(HISTORY) if number != place]
    book, rest = written([*others, broken]), written(others)
    assert book.events == rest.events
    assert [(one.source_ref, one.reason) for one in book.parked] == (
        [] if broken.event_type == "object.license-keys" else [(broken.event_id, "unreadable_record")]
    )


def test_the_history_is_what_it_is_meant_to_be() -> None:
    assert [(event.kind.value, event.net_minor) for event in BOOK.events] == [
        ("trial_started", 0),
        ("first_payment", 1000),
        ("refund", -252),
        ("refund", -748),
        ("upgrade", 0),
        ("expansion_payment", 600),
        ("payment_failed", 0),
        ("renewal", 2000),
        ("pause", 0),
        ("cancel_scheduled", 0),
        ("resume", 0),
        ("one_off_payment", 700),
        ("chargeback", -700),
        ("payment_failed", 0),
        ("chargeback_reversed", 700),
        ("cancellation", 0),
        ("reactivation", 0),
        ("reactivation_payment", 1000),
    ]
    assert BOOK.parked == ()
