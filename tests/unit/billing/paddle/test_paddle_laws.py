"""The laws of a customer's book, and payloads nobody means to send: no crash, none lost, a reason each."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conversion_sync.billing.paddle.records import record_of
from conversion_sync.billing.provider import RawRecord
from tests.unit.billing.paddle.records import (
    adjusted,
    attempt,
    body,
    completed,
    day,
    event,
    item,
    line,
    listed,
    stamp,
    subscribed,
    subscription,
    transaction,
    written,
)

TRIAL = {"items": [item(trial=(day(0), day(14)))], "custom_data": {"cs_anon_id": "v1"}}
HISTORY = [
    subscribed("created", "trialing", **TRIAL),
    completed("txn_0", 0, custom_data={"cs_user_id": "u1", "cs_gclid": "g"}),
    subscribed("activated", at=day(14), **TRIAL),
    completed("txn_1", 1190, 1000, at=day(14), origin="subscription_recurring"),
    completed(
        "txn_2",
        2380,
        2000,
        at=day(44),
        origin="subscription_recurring",
        lines=[line(500, prorated=True), line(1500)],
    ),
    adjusted("adj_1", 400, at=day(20)),
    adjusted("adj_2", 400, at=day(21), status="pending_approval"),
    adjusted("adj_2", 400, at=day(21), seen=day(24)),
    adjusted("adj_2", 400, at=day(21), seen=day(26), status="reversed"),
    adjusted("adj_3", 2000, at=day(50), of="txn_2"),
    adjusted("adj_4", 1190, at=day(52), action="chargeback"),
    adjusted("adj_5", 1190, at=day(80), action="chargeback_reverse"),
    adjusted("adj_6", 100, at=day(50), of="txn_9"),
    adjusted("adj_7", 100, at=day(51), action="credit"),
    event(
        "customer.updated",
        {"id": "ctm_1", "email": "a@b.example", "created_at": stamp(day(0)), "custom_data": {"x": 1}},
        day(2),
    ),
    event(
        "address.created",
        {"id": "add_01hv8gq3318ktkfengj2r75gfx", "country_code": "DE", "created_at": stamp(day(0))},
        day(0),
    ),
    event(
        "transaction.past_due",
        transaction("txn_3", status="past_due", payments=[attempt(3600, day(70), "error")], at=day(70)),
        day(70),
    ),
    subscribed("paused", "paused", day(75)),
    subscribed("canceled", "canceled", day(90)),
    listed("subscription", subscription("canceled", at=day(90)), day(95)),
    listed("transaction", transaction("txn_1", 1190, 1000, at=day(14)), day(95)),
    completed("txn_4", 990, at=day(95), origin="dreamt"),
]
BOOK = written(HISTORY)


@settings(deadline=None)
@given(st.permutations(HISTORY), st.lists(st.sampled_from(HISTORY), max_size=12))
def test_any_order_and_any_copies_of_the_records_give_the_same_book(
    records: list[RawRecord], copies: list[RawRecord]
) -> None:
    assert written([*copies, *records]) == BOOK


@settings(deadline=None)
@given(st.sets(st.integers(0, len(HISTORY) - 1)))
def test_whatever_is_known_so_far_keeps_the_laws_of_a_book(places: set[int]) -> None:
    events = written([HISTORY[place] for place in places]).events
    keys = [each.event_key for each in events]
    assert len(set(keys)) == len(keys)
    assert sum(each.is_first_for_customer for each in events) <= 1
    payments = {each.event_key: each for each in events if each.kind.value.endswith(("payment", "renewal"))}
    for each in events:
        assert each.gross_minor == each.net_minor + each.tax_minor
        if each.parent_event_key is not None:
            assert each.parent_event_key in payments
    for key, payment in payments.items():
        back = [each for each in events if each.parent_event_key == key]
        assert 0 <= payment.gross_minor + sum(each.gross_minor for each in back) <= payment.gross_minor
        assert 0 <= payment.net_minor + sum(each.net_minor for each in back) <= payment.net_minor


def test_what_was_written_keeps_its_key_as_time_goes_on() -> None:
    known: set[str] = set()
    in_time = sorted(HISTORY, key=lambda record: (record.event_type.startswith("object"), record.created_at))
    for number in range(1, len(in_time) + 1):
        keys = {str(each.event_key) for each in written(in_time[:number]).events}
        assert known <= keys
        known = keys
    assert known == {each.event_key for each in BOOK.events}


# -- payloads nobody means to send ------------------------------------------------------------------------

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(
        [
            "",
            "0",
            "-1",
            "1e9",
            "12.5",
            "\uff19\uff19",
            "9" * 40,
            "unheard_of",
            "2026-13-45T99:99:99Z",
            "0001-01-01T00:00:00+23:59",
            "9999-12-31T23:59:59-23:59",
            "\x00",
            "\ud800",
            "e\u0301\u202e🧾",
        ]
    ),
    st.text(max_size=8),
    st.lists(st.integers(), max_size=2),
    st.just({}),
    st.dictionaries(st.text(max_size=4), st.none(), max_size=2),
)
MISSING = object()


def places(thing: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a payload."""
    pairs = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list) else ()
    for key, value in pairs:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(told: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The payload with something else in one place, or nothing."""
    fresh = copy.deepcopy(told)
    at = fresh
    for key in path[:-1]:
        at = at[key]
    if value is MISSING:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return fresh


EVENTS = [record for record in HISTORY if not record.event_type.startswith("object.")]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_a_payload_of_any_shape_is_kept_and_booked_or_parked(data: st.DataObject) -> None:
    victim = data.draw(st.sampled_from(EVENTS))
    told = body(victim)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from([path for path in places(told) if path != ("event_id",)]))
        told = changed(told, path, data.draw(st.one_of(ODD, st.just(MISSING))))
    record = record_of(told, livemode=True, fallback=day(0))
    record.body.encode()
    assert json.loads(record.body) == told
    rest = [each for each in HISTORY if each.event_id != victim.event_id]
    book = written([*rest, record])
    assert written([record, *rest[::-1]]) == book
    for parked in book.parked:
        assert parked.reason
        parked.detail.encode()
    for each in book.events:
        assert abs(each.gross_minor) < 2**63
        assert each.occurred_at.tzinfo is not None
        str(each.event_key).encode()
    # Alone, an unreadable record is told by its id.
    alone = written([record])
    reasons = {parked.source_ref: parked.reason for parked in alone.parked}
    if reasons.get(record.event_id) == "unreadable_record":
        assert alone.events == ()


@settings(deadline=None)
@given(st.data())
def test_a_listed_object_of_any_shape_is_booked_or_parked(data: st.DataObject) -> None:
    victim = data.draw(st.sampled_from([each for each in HISTORY if each.event_type.startswith("object.")]))
    told = body(victim)
    path = data.draw(st.sampled_from(list(places(told))))
    odd = changed(told, path, data.draw(st.one_of(ODD, st.just(MISSING))))
    broken = replace(victim, body=json.dumps(odd))
    book = written([*HISTORY, broken])
    assert all(parked.reason for parked in book.parked)


def test_the_history_says_what_this_file_means_it_to_say() -> None:
    kinds = {each.kind.value for each in BOOK.events}
    assert kinds >= {
        "trial_started",
        "first_payment",
        "renewal",
        "expansion_payment",
        "refund",
        "refund_reversed",
    }
    assert kinds >= {"chargeback", "chargeback_reversed", "credit", "payment_failed", "pause", "cancellation"}
    assert {parked.reason for parked in BOOK.parked} >= {"refund_without_payment", "unknown_origin"}
    assert {contact.of for contact in BOOK.contacts} >= {"customer", "address"}
