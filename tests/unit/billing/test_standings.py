"""What happened to a subscription, from how it stood one record after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversion_sync.billing.facts import Item, Source, Standing, Status
from conversion_sync.billing.standings import changes, mrr

START = datetime(2026, 9, 1, tzinfo=UTC)
DAY = timedelta(days=1)
MONTHLY = Item(id="a", price="basic", quantity=1, amount=2500, interval="month")
YEARLY = Item(id="a", price="basic_year", quantity=1, amount=25000, interval="year")


def stands(
    day: int = 0, status: Status = Status.LIVE, *items: Item, begins: bool = False, **more: object
) -> Standing:
    made = Standing(
        source=Source(object_type="subscription", object_id="s", record=f"r{day}"),
        at=START + day * DAY,
        status=status,
        begins=begins,
        items=items or (MONTHLY,),
    )
    return replace(made, **more)  # type: ignore[arg-type]


BORN = stands(begins=True)
LIVES: list[tuple[str, list[Standing], list[str]]] = [
    ("made and paid for", [BORN], []),
    ("made on trial", [stands(0, Status.TRIALING, begins=True)], ["trial_started"]),
    ("seen on trial for the first time", [stands(0, Status.TRIALING)], []),
    ("into a trial", [stands(0, Status.WAITING, begins=True), stands(1, Status.TRIALING)], ["trial_started"]),
    (
        "a second trial is none",
        [stands(0, Status.TRIALING, begins=True), stands(1), stands(2, Status.TRIALING)],
        ["trial_started"],
    ),
    ("ended", [BORN, stands(1, Status.ENDED)], ["cancellation"]),
    ("an end seen twice", [BORN, stands(1, Status.ENDED), stands(2, Status.ENDED)], ["cancellation"]),
    ("an end whose life nobody saw", [stands(1, Status.ENDED)], ["cancellation"]),
    ("never begun", [stands(0, Status.WAITING, begins=True), stands(1, Status.WAITING)], []),
    ("paused and resumed", [BORN, stands(1, Status.PAUSED), stands(2)], ["pause", "resume"]),
    (
        "nobody is asked for money for a while",
        [BORN, stands(1, collects=False), stands(2)],
        ["pause", "resume"],
    ),
    ("paused in both ways at once", [BORN, stands(1, Status.PAUSED, collects=False)], ["pause"]),
    (
        "an end is planned, then not, then planned again",
        [BORN, stands(1, cancels_at=START + 30 * DAY), stands(2), stands(3, cancels_at=START + 9 * DAY)],
        ["cancel_scheduled", "cancel_withdrawn", "cancel_scheduled"],
    ),
    (
        "an end that was planned",
        [stands(0, cancels_at=START + DAY), stands(1, Status.ENDED)],
        ["cancellation"],
    ),
    ("more seats", [BORN, stands(1, Status.LIVE, replace(MONTHLY, quantity=5))], ["seat_expansion"]),
    ("fewer seats", [stands(0, Status.LIVE, replace(MONTHLY, quantity=5)), stands(1)], ["seat_contraction"]),
    ("by the year", [BORN, stands(1, Status.LIVE, YEARLY)], ["interval_change"]),
    ("another price, nobody says how often", [BORN, stands(1, Status.LIVE, Item(id="a", price="new"))], []),
    (
        "a dearer plan",
        [BORN, stands(1, Status.LIVE, replace(MONTHLY, price="pro", amount=9900))],
        ["upgrade"],
    ),
    (
        "a cheaper plan",
        [BORN, stands(1, Status.LIVE, replace(MONTHLY, price="lite", amount=900))],
        ["downgrade"],
    ),
    ("another price of the same worth", [BORN, stands(1, Status.LIVE, replace(MONTHLY, price="new"))], []),
    (
        "a price nobody tells",
        [BORN, stands(1, Status.LIVE, replace(MONTHLY, price="x", amount=None))],
        [],
    ),
    (
        "an extra beside the plan",
        [BORN, stands(1, Status.LIVE, MONTHLY, replace(MONTHLY, id="b", price="extra", amount=500))],
        ["upgrade"],
    ),
    (
        "what stood before is told, though no record shows it",
        [stands(5, before=stands(4, Status.PAUSED))],
        ["resume"],
    ),
]


@pytest.mark.parametrize(("standings", "kinds"), [row[1:] for row in LIVES], ids=[row[0] for row in LIVES])
def test_a_life_tells_what_happened(standings: Sequence[Standing], kinds: list[str]) -> None:
    assert [change.kind.value for change in changes(standings)] == kinds


@pytest.mark.parametrize(
    ("items", "worth"),
    [
        ([MONTHLY], 2500),
        ([YEARLY], 2083),
        ([replace(MONTHLY, interval_count=3, amount=3000, quantity=2)], 2000),
        ([replace(MONTHLY, interval="week", amount=300)], 1300),
        ([replace(MONTHLY, interval="day", amount=12)], 365),
        ([replace(YEARLY, amount=6)], 0),
        ([replace(YEARLY, amount=18)], 2),
        ([MONTHLY, YEARLY], 4583),
        ([replace(MONTHLY, amount=None)], None),
        ([replace(MONTHLY, interval=None)], None),
    ],
)
def test_what_it_brings_a_month(items: list[Item], worth: int | None) -> None:
    assert mrr(stands(0, Status.LIVE, *items)) == worth


@given(st.lists(st.sampled_from(Status), min_size=1, max_size=8))
def test_records_seen_twice_tell_nothing_new(statuses: list[Status]) -> None:
    once = [stands(day, status) for day, status in enumerate(statuses)]
    twice = [standing for each in once for standing in (each, each)]
    assert [change.kind for change in changes(twice)] == [change.kind for change in changes(once)]
