"""Confirmations come later: asked after ever less often, counted, narrowed down, and never for ever."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from conversion_sync.delivery.desk import Desk
from conversion_sync.delivery.settle import settle
from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.model.revenue import EventKind
from conversion_sync.platforms.platform import DedupPromise, SendResult, Settlement, SettlementStatus
from conversion_sync.reports.explain import explain
from conversion_sync.reports.status import status
from tests.integration.scripted import Scripted, enable, facts, payments, run, states
from tests.integration.world import DAY, HOUR, NOW, TINY, event, ledger, rooms, rows

HALF = timedelta(minutes=30)
PENDING = Settlement(status=SettlementStatus.PENDING, code="PROCESSING")


def confirming(**changes: object) -> Scripted:
    """Takes in every request of conversions under the names r1, r2, …; processing for ever unless told."""
    catalogue = facts(
        **{
            "platform": "google_ads",
            "network": "google",
            "dedup": DedupPromise.ALWAYS,
            "confirms_later": True,
            "can_restate": True,
            "can_retract": True,
            "adjustment_window": 54 * DAY,
            "first_status_after": HALF,
            "status_retention": 50 * DAY,
            "status_gone": frozenset({"REQUEST_TOO_OLD"}),
            "codes": {"bad": Outcome.REJECTED, "copy": Outcome.DELIVERED, "terms": Outcome.HOLD},
        }
        | changes
    )

    def script(batch: Sequence[Outbound]) -> SendResult:
        if batch[0].kind != "conversion":
            return SendResult(outcome=Outcome.DELIVERED)
        return SendResult(outcome=Outcome.ACCEPTED, request_ref=f"r{len(platform.requests)}")

    platform = Scripted(script, catalogue)
    platform.settlement = lambda name: platform.statuses.get(name, PENDING)  # type: ignore[method-assign]
    return platform


@pytest.fixture
def engine(database) -> Engine:
    return enable(database.engine, "google_ads")


def ask(engine: Engine, platform: Scripted, now) -> dict[str, int]:
    desk = Desk(engine=engine, platform="google_ads", account="main", run_id="run-2", targets={})
    return dict(settle(desk, platform, lambda: now).rows)


def answered(
    platform: Scripted, request: str, counts: dict[str, int], status=SettlementStatus.FAILED
) -> None:
    platform.statuses[request] = Settlement(status=status, counts=counts, code=status.name)


def test_it_asks_after_half_an_hour_and_then_ever_less_often(engine) -> None:
    payments(engine, 1)
    platform = confirming()
    run(engine, platform)
    asked = []
    platform.settlement = lambda _: asked.append(minute) or PENDING  # type: ignore[method-assign]
    for minute in range(0, 3 * 24 * 60, 10):
        ask(engine, platform, NOW + minute * timedelta(minutes=1))
    assert asked == [30, 60, 120, 240, 480, 960, 1920, 3360]


def test_what_never_ends_is_asked_after_once_a_day_as_long_as_it_can_be(engine) -> None:
    payments(engine, 1)
    platform = confirming()
    run(engine, platform)
    found = [ask(engine, platform, NOW + day * DAY) for day in range(1, 52)]
    assert found == [{"waiting": 1}] * 49 + [{"sent again": 1}, {}]


def test_asking_sends_nothing_whatever_is_due(engine) -> None:
    payments(engine, 1)
    platform = confirming()
    run(engine, platform)
    event(engine, "more", EventKind.FIRST_PAYMENT, HOUR, net=100)
    rooms(engine)
    platform.statuses["r1"] = Settlement(status=SettlementStatus.SETTLED)
    assert ask(engine, platform, NOW + HOUR) == {"settled": 1}
    assert len(platform.requests) == 1
    assert states(engine) == {("settled", "confirmed"): 1, ("planned", "ready"): 1}


def test_a_correction_is_ready_once_its_payment_was_confirmed(engine) -> None:
    payments(engine, 1)
    platform = confirming()
    run(engine, platform)
    event(engine, "back", EventKind.REFUND, HALF, net=-40, parent="pay0", left=60, refunded=40)
    rooms(engine, window=TINY)
    platform.statuses["r1"] = Settlement(status=SettlementStatus.SETTLED)
    ask(engine, platform, NOW + HOUR)
    assert ledger(engine, "back")["google_ads"][:2] == ("planned", "ready")


def test_what_was_counted_stands_in_the_ledger_in_explain_and_in_status(engine) -> None:
    payments(engine, 3)
    platform = confirming()
    run(engine, platform)
    answered(platform, "r1", {"bad": 2}, SettlementStatus.PARTIAL)
    [account] = status(engine, NOW).accounts
    assert (account.awaited, account.oldest_awaited) == (1, NOW)
    ask(engine, platform, NOW + HALF)
    assert rows(engine, "select status, entries, counts, polls from settlement_poll") == [
        ("PARTIAL", 3, {"bad": 2}, 1)
    ]
    assert status(engine, NOW).accounts[0].awaited == 0
    [found] = explain(engine, "pay0")
    assert (found.entries[0].row["request_ref"], found.entries[0].row["counts"]) == ("r1", {"bad": 2})


@pytest.mark.parametrize("size", [1, 2, 7, 16])
def test_a_part_refused_is_narrowed_down_in_few_rounds_and_never_in_the_same_group_twice(
    engine, size
) -> None:
    payments(engine, size)
    victims = {name for (name,) in rows(engine, "select vendor_id from conversion order by 1 limit 2")}
    platform = confirming(batch_size=16)

    def state_of(request: str) -> Settlement:
        batch = platform.requests[int(request[1:]) - 1]
        bad = sum(row.vendor_id in victims for row in batch)
        if not bad:
            return Settlement(status=SettlementStatus.SETTLED)
        kind = SettlementStatus.FAILED if bad == len(batch) else SettlementStatus.PARTIAL
        return Settlement(status=kind, counts={"bad": bad})

    platform.settlement = state_of  # type: ignore[method-assign]
    rounds = 0
    now = NOW
    while not rounds or rows(engine, "select 1 from conversion where state in ('planned', 'accepted')"):
        run(engine, platform, now)
        now += HALF
        ask(engine, platform, now)
        rounds += 1
        assert rounds <= math.ceil(math.log2(size)) + 1
    sent = [frozenset(row.vendor_id for row in batch) for batch in platform.requests]
    assert len(sent) == len(set(sent))
    assert states(engine).get(("rejected", "platform_refused"), 0) == min(size, 2)
    assert states(engine).get(("settled", "confirmed"), 0) == max(size - 2, 0)


@pytest.mark.parametrize("status", [SettlementStatus.FAILED, SettlementStatus.PARTIAL])
def test_copies_counted_as_such_are_held_by_the_platform(engine, status) -> None:
    payments(engine, 3)
    platform = confirming()
    run(engine, platform)
    answered(platform, "r1", {"copy": 2}, status)
    assert ask(engine, platform, NOW + HOUR) == {"settled": 3}


def test_rows_a_setting_keeps_from_counting_wait_for_a_person_and_are_not_sent_again(engine) -> None:
    payments(engine, 2)
    platform = confirming()
    run(engine, platform)
    answered(platform, "r1", {"terms": 2})
    assert ask(engine, platform, NOW + HOUR) == {"held": 2}
    for hours in range(2, 6):
        run(engine, platform, NOW + hours * HOUR)
        rooms(engine, NOW + hours * HOUR)
    assert len(platform.requests) == 1
    assert states(engine) == {("held", "account_setting"): 2}


def test_held_rows_whose_time_is_over_are_skipped(engine) -> None:
    payments(engine, 1)
    platform = confirming()
    run(engine, platform)
    answered(platform, "r1", {"terms": 1})
    ask(engine, platform, NOW + HOUR)
    run(engine, platform, NOW + 91 * DAY, window=TINY)
    assert [state for state, _ in states(engine)] == ["skipped"]


@pytest.mark.parametrize(
    ("promise", "later", "code", "expected"),
    [
        (DedupPromise.ALWAYS, 49 * DAY, "PROCESSING", ("accepted", "awaiting_confirmation")),
        (DedupPromise.ALWAYS, 50 * DAY, "PROCESSING", ("planned", "resend_in_doubt")),
        (DedupPromise.ALWAYS, DAY, "REQUEST_TOO_OLD", ("planned", "resend_in_doubt")),
        (DedupPromise.WITHIN_WINDOW, 50 * DAY, "PROCESSING", ("unknown", "may_have_arrived")),
    ],
)
def test_a_request_nobody_can_ask_after_any_more_may_have_arrived(
    engine, promise, later, code, expected
) -> None:
    payments(engine, 1)
    platform = confirming(dedup=promise)
    run(engine, platform)
    platform.statuses["r1"] = Settlement(status=SettlementStatus.LATER, code=code)
    ask(engine, platform, NOW + later)
    assert states(engine) == {expected: 1}
