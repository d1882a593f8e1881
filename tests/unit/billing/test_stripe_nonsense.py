"""Records with anything in any place: the book is written, nothing is lost, and what is left out says why."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from conversion_sync.billing.listed import listed_record
from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.records import record_of
from conversion_sync.model.revenue import CustomerBook, RevenueEvent
from tests.unit.billing.stripe_records import START, Json, written
from tests.unit.billing.test_stripe_cases import CASES

RECORDS = list({record.event_id: record for _, _, rows, _ in CASES for record in rows}.values())
BIGGEST = 2**63
NONSENSE: list[Any] = [
    *(None, True, 0, -1, 1, 7.5, -0.0, 10**12, 2**40, BIGGEST, 10**30, -(10**30), 1e308),
    *("", "0", "abc", "a\0b", "Zoë — 東京 🧾", "\u202e\ufeff", "x" * 5000, "2026-11-01", "in_1", "cus_1"),
    *([], [None], [[]], {}, {"id": None}, {"data": None}, {"data": "x"}, {"data": [1]}, {"id": {"id": []}}),
]
PLACES = st.integers(0, 10_000)


def places(thing: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of everything in it."""
    inside = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list) else ()
    for key, value in inside:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(thing: Json, place: int, value: Any, *, gone: bool) -> Json:
    """The same with another value in one place, or with nothing there."""
    other = copy.deepcopy(thing)
    every = list(places(other))
    *path, last = every[place % len(every)]
    inside = other
    for key in path:
        inside = inside[key]
    if gone:
        del inside[last]
    else:
        inside[last] = value
    return other


def storable(book: CustomerBook) -> None:
    """Everything fits the columns it goes to."""
    for event in book.events:
        for column in fields(RevenueEvent):
            value = getattr(event, column.name)
            if isinstance(value, int) and not isinstance(value, bool):
                assert abs(value) < BIGGEST, column.name
            if isinstance(value, str):
                assert "\0" not in value.encode().decode(), column.name
        assert event.gross_minor == event.net_minor + event.tax_minor
        if event.kind.value not in ("cancellation",) and event.gross_minor:
            assert re.fullmatch("[A-Z]{3}", event.currency or "")
        assert event.occurred_at.tzinfo is UTC
    for parked in book.parked:
        assert all((parked.source_ref, parked.reason, parked.detail))
    for link in book.links:
        assert "\0" not in link.from_id


@settings(max_examples=400, deadline=None)
@given(
    record=st.sampled_from(RECORDS),
    edits=st.lists(st.tuples(PLACES, st.sampled_from(NONSENSE), st.booleans()), min_size=1, max_size=3),
)
def test_whatever_stands_in_an_event_its_book_is_written(
    record: RawRecord, edits: list[tuple[int, Any, bool]]
) -> None:
    body = json.loads(record.body)
    for place, value, gone in edits:
        body = {**body, "data": changed(body["data"], place, value, gone=gone)} if body["data"] else body
    strange = record_of(json.dumps(body).encode(), lambda _: [])
    assert (strange.event_id, strange.created_at) == (record.event_id, record.created_at)
    assert json.loads(strange.body) == body
    others = [other for other in RECORDS[:4] if other.event_id != record.event_id]
    storable(written([strange, *others]))
    storable(written([replace(record, body=json.dumps(body)), *RECORDS[:4]]))


@settings(max_examples=150, deadline=None)
@given(
    record=st.sampled_from(RECORDS),
    edits=st.lists(st.tuples(PLACES, st.sampled_from(NONSENSE), st.booleans()), min_size=1, max_size=3),
)
def test_whatever_stands_in_a_listed_object_its_book_is_written(
    record: RawRecord, edits: list[tuple[int, Any, bool]]
) -> None:
    thing = json.loads(record.body)["data"]["object"]
    for place, value, gone in edits:
        thing = changed(thing, place, value, gone=gone) if thing else thing
    strange = listed_record(
        thing,
        object_type=str(thing.get("object")),
        object_id=str(thing.get("id")).replace("\0", ""),
        created_at=START,
        listed_at=datetime(2026, 12, 1, tzinfo=UTC),
        livemode=True,
    )
    storable(written([strange, *RECORDS[:4]]))


def test_every_record_that_cannot_be_read_is_parked_by_its_id() -> None:
    for record in RECORDS:
        body = json.loads(record.body)
        book = written([replace(record, body=json.dumps(body | {"data": {"object": []}}))])
        assert [(one.source_ref, one.reason) for one in book.parked] == [
            (record.event_id, "unreadable_record")
        ]
