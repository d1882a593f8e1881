"""Limits, quotas and the breaker of an account, kept in the database: the same for every delivery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from conversion_sync.config.settings import UploadMode
from conversion_sync.delivery.deliver import deliver
from conversion_sync.delivery.desk import Desk
from conversion_sync.delivery.tally import Tally
from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.platforms.pace import Breaker, Limits, Usage
from conversion_sync.platforms.platform import Catalogue, DedupPromise, Patience, SendResult
from conversion_sync.store.queries import query
from tests.integration.scripted import Scripted, enable, facts, payments, states, taken
from tests.integration.world import DAY, EVERYTHING, HOUR, NOW, rows

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
TIKTOK = {"platform": "tiktok", "network": "tiktok", "dedup": DedupPromise.WITHIN_WINDOW}
DOWN = SendResult(outcome=Outcome.RETRY_LATER, code="http_503", text="out of order")
BAD = SendResult(outcome=Outcome.BAD_BATCH, code="bad")


@dataclass(slots=True)
class Simulated:
    """A clock that moves when somebody sleeps, and when each request left."""

    now: datetime = NOW
    slept: list[float] = field(default_factory=list)
    asked_at: list[datetime] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)

    def noting(self, script: Callable[[Sequence[Outbound]], SendResult]) -> Callable[..., SendResult]:
        def answer(batch: Sequence[Outbound]) -> SendResult:
            self.asked_at.append(self.now)
            return script(batch)

        return answer


@pytest.fixture
def clock() -> Simulated:
    return Simulated()


@pytest.fixture
def engine(database) -> Engine:
    return enable(database.engine, "tiktok")


def known(**changes: object) -> Catalogue:
    return facts(**(TIKTOK | {"batch_size": 1} | changes))


def go(engine: Engine, clock: Simulated, platform: Scripted, mode: UploadMode = UploadMode.LIVE) -> Tally:
    """A delivery by a process of its own: it knows nothing but what the database says."""
    desk = Desk(engine=engine, platform="tiktok", account="main", run_id="r", targets={"purchase": {}})
    return deliver(desk, platform, EVERYTHING, mode, lambda: clock.now, clock.sleep)


def planned(engine: Engine) -> dict[int, int]:
    """Planned rows by how many attempts they have used."""
    found = rows(engine, "select attempts from conversion where state = 'planned'")
    return Counter(attempts for (attempts,) in found)


class TestLimits:
    def test_requests_of_several_deliveries_keep_the_limit_together(self, engine, clock) -> None:
        payments(engine, 12)
        platform = Scripted(clock.noting(taken), known(limits={"every": Limits(requests_per_minute=6)}))
        for _ in range(3):
            go(engine, clock, platform)
        assert len(clock.asked_at) == 12
        apart = [later - sooner for sooner, later in zip(clock.asked_at, clock.asked_at[1:], strict=False)]
        assert set(apart) == {10.5 * SECOND}
        assert states(engine) == {("settled", "confirmed"): 12}

    def test_a_pause_too_long_to_wait_for_ends_the_delivery_and_is_known_to_others(
        self, engine, clock
    ) -> None:
        payments(engine, 3)
        platform = Scripted(clock.noting(taken), known(limits={"every": Limits(requests_per_minute=1)}))
        tally = go(engine, clock, platform)
        assert len(platform.requests) == 1
        assert planned(engine) == {0: 2}
        assert tally.pause is not None
        assert (tally.pause.what, tally.pause.until) == ("parked", NOW + 1.05 * MINUTE)
        assert tally.stopped is not None
        assert (tally.stopped.code, tally.stopped.retry_after) == ("parked", 1.05 * MINUTE)
        assert go(engine, clock, platform).requests == 0
        clock.now += 1.05 * MINUTE
        assert go(engine, clock, platform).requests == 1

    def test_a_days_requests_go_on_at_midnight(self, engine, clock) -> None:
        payments(engine, 5)
        platform = Scripted(taken, known(limits={"every": Limits(requests_per_day=2)}))
        assert go(engine, clock, platform).pause.until == NOW.replace(hour=0) + DAY
        assert states(engine) == {("settled", "confirmed"): 2, ("planned", "ready"): 3}
        clock.now = NOW.replace(hour=23, minute=59, second=59)
        assert go(engine, clock, platform).requests == 2, "it waits the second to midnight"
        assert go(engine, clock, platform).requests == 0
        clock.now += DAY
        assert go(engine, clock, platform).requests == 1

    def test_conversions_are_counted_where_the_vendor_counts_them(self, engine, clock) -> None:
        payments(engine, 9)
        limits = {"conversions": Limits(conversions_per_day=7)}
        platform = Scripted(taken, known(batch_size=4, limits=limits))
        go(engine, clock, platform)
        assert [len(request) for request in platform.requests] == [4, 3]
        clock.now += DAY
        go(engine, clock, platform)
        assert [len(request) for request in platform.requests] == [4, 3, 2]
        counted = rows(engine, "select requests, conversions from delivery_pace where bucket = 'conversions'")
        assert counted == [(1, 2)], "what was reserved for more is given back"

    def test_the_requests_of_a_search_count_and_wait_like_others(self, engine, clock) -> None:
        payments(engine, 4)
        [(victim,)] = rows(engine, "select vendor_id from conversion where event_key = 'pay2'")

        def script(batch: Sequence[Outbound]) -> SendResult:
            return BAD if victim in {row.vendor_id for row in batch} else taken(batch)

        platform = Scripted(
            clock.noting(script), known(batch_size=4, limits={"every": Limits(requests_per_second=0.5)})
        )
        go(engine, clock, platform)
        assert len(platform.requests) > 3
        assert rows(engine, "select requests from delivery_pace") == [(len(platform.requests),)]
        assert clock.asked_at == [NOW + 2.1 * number * SECOND for number in range(len(platform.requests))]

    def test_a_search_that_may_ask_no_more_leaves_its_rows_for_later(self, engine, clock) -> None:
        payments(engine, 4)
        platform = Scripted(lambda _: BAD, known(batch_size=4, limits={"every": Limits(requests_per_day=2)}))
        tally = go(engine, clock, platform)
        assert len(platform.requests) == 2
        assert tally.pause is not None
        assert states(engine) == {("planned", "waits_retry"): 4}
        assert rows(engine, "select count(*)::int from conversion where in_doubt") == [(0,)]

    def test_a_check_without_sending_counts_too(self, engine, clock) -> None:
        payments(engine, 3)
        platform = Scripted(taken, known(limits={"every": Limits(requests_per_day=2)}))
        tally = go(engine, clock, platform, UploadMode.VALIDATE_ONLY)
        assert len(platform.requests) == 2
        assert tally.stopped is not None
        assert planned(engine) == {0: 3}

    def test_a_delivery_with_nothing_to_send_asks_for_nothing(self, engine, clock) -> None:
        platform = Scripted(taken, known(limits={"every": Limits(requests_per_day=2)}))
        for _ in range(3):
            go(engine, clock, platform)
        assert rows(engine, "select sum(requests)::int from delivery_pace") == [(0,)]


FULL = {
    "codes": {"full": Outcome.RETRY_LATER},
    "quotas": {"full": True},
    "patience": {"full": Patience(delay=MINUTE, next_day=True)},
}


class TestQuotas:
    def test_a_minutes_quota_then_the_days_parks_the_account(self, engine, clock) -> None:
        payments(engine, 3)
        platform = Scripted(lambda _: SendResult(outcome=Outcome.RETRY_LATER, code="full"), known(**FULL))
        assert go(engine, clock, platform).requests == 1
        clock.now += 10 * SECOND
        assert go(engine, clock, platform).requests == 0
        clock.now += MINUTE
        tally = go(engine, clock, platform)
        assert (tally.requests, tally.pause.until) == (1, NOW.replace(hour=0) + DAY)
        clock.now = NOW.replace(hour=23)
        untouched = rows(engine, "select not_before from conversion where attempts = 0")
        assert go(engine, clock, platform).requests == 0
        assert rows(engine, "select not_before from conversion where attempts = 0") == untouched
        platform.script = taken
        clock.now = NOW + DAY
        go(engine, clock, platform)
        assert states(engine) == {("settled", "confirmed"): 3}
        assert rows(engine, "select distinct strikes from delivery_pace") == [(0,)]

    def test_a_short_delay_is_waited_for_and_kept_to_the_second(self, engine, clock) -> None:
        payments(engine, 2)
        answers = iter([SendResult(outcome=Outcome.RETRY_LATER, code="full", retry_after=7 * SECOND)])
        script = clock.noting(lambda batch: next(answers, None) or taken(batch))
        assert go(engine, clock, Scripted(script, known(**FULL))).stopped is None
        assert clock.asked_at[1] - clock.asked_at[0] == 7 * SECOND
        assert states(engine) == {("settled", "confirmed"): 2}

    def test_a_delay_asked_for_beside_success_is_kept_too(self, engine, clock) -> None:
        payments(engine, 2)
        platform = Scripted(
            lambda _: SendResult(outcome=Outcome.DELIVERED, retry_after=10 * MINUTE), known(**FULL)
        )
        tally = go(engine, clock, platform)
        assert (tally.requests, tally.pause.until) == (1, NOW + 10 * MINUTE)
        assert planned(engine) == {0: 1}

    def test_requests_slow_down_when_the_platform_says_that_little_is_left(self, engine, clock) -> None:
        payments(engine, 4)
        answers = iter([10.0, 80.0, 95.0])
        script = clock.noting(lambda _: SendResult(outcome=Outcome.DELIVERED, used=next(answers, None)))
        go(engine, clock, Scripted(script, known(usage=Usage(slow_above=75, longest_pause=30 * SECOND))))
        assert clock.slept == [6.0, 24.0]

    def test_a_wait_a_row_was_given_is_not_shortened_by_the_pause_for_another_fault(
        self, engine, clock
    ) -> None:
        payments(engine, 2)
        asked = SendResult(
            outcome=Outcome.DELIVERED, rows={0: SendResult(outcome=Outcome.RETRY_LATER, code="again")}
        )
        answers = iter([asked, DOWN, DOWN])
        platform = Scripted(
            lambda batch: next(answers, None) or taken(batch), known(patience={"again": Patience(delay=HOUR)})
        )
        go(engine, clock, platform)
        assert rows(engine, "select not_before from conversion where state = 'planned'") == [(NOW + HOUR,)]


class TestBreaker:
    def down(self, **changes: object) -> Scripted:
        return Scripted(lambda _: DOWN, known(breaker=Breaker(failures=4), **changes))

    def test_a_platform_that_is_down_is_left_alone_and_rows_keep_their_attempts(self, engine, clock) -> None:
        payments(engine, 30)
        platform = self.down(batch_size=5)
        tally = go(engine, clock, platform)
        assert len(platform.requests) == 4
        assert tally.pause is not None
        assert (tally.pause.what, tally.pause.since) == ("breaker_open", clock.now)
        assert "http_503 out of order" in tally.pause.sentence
        before = planned(engine)
        for _ in range(5):
            tally = go(engine, clock, platform)
            assert (tally.requests, tally.stopped.code) == (0, "breaker_open")
        assert planned(engine) == before == {0: 25, 4: 5}

    def test_one_small_request_tries_it_after_a_growing_pause(self, engine, clock) -> None:
        payments(engine, 30)
        platform = self.down(batch_size=20)
        pauses = []
        pause = go(engine, clock, platform).pause
        for _ in range(9):
            pauses.append(pause.until - clock.now)
            clock.now = pause.until - 31 * SECOND
            assert go(engine, clock, platform).requests == 0
            clock.now = pause.until
            tally = go(engine, clock, platform)
            assert (tally.requests, len(platform.requests[-1])) == (1, 10)
            pause = tally.pause
        bounds = [min(minutes, 60) * MINUTE for minutes in (1, 2, 4, 8, 16, 32, 64, 64, 64)]
        assert all(bound * 0.8 <= found <= bound * 1.2 for found, bound in zip(pauses, bounds, strict=True))

    def test_success_closes_it_and_everything_due_leaves(self, engine, clock) -> None:
        payments(engine, 30)
        platform = self.down(batch_size=20)
        clock.now = go(engine, clock, platform).pause.until
        platform.script = taken
        tally = go(engine, clock, platform)
        assert (tally.stopped, tally.pause) == (None, None)
        assert [len(request) for request in platform.requests[4:]] == [10, 20]
        assert states(engine) == {("settled", "confirmed"): 30}
        assert rows(engine, "select recent, opened_at, openings from delivery_breaker") == [("", None, 0)]

    def test_an_error_share_opens_it_although_some_requests_work(self, engine, clock) -> None:
        payments(engine, 40)
        answers = iter(range(1000))
        platform = Scripted(
            lambda batch: DOWN if next(answers) % 2 else taken(batch),
            known(breaker=Breaker(failures=3, window=10, share=0.4)),
        )
        assert go(engine, clock, platform).pause.what == "breaker_open"
        assert 6 <= len(platform.requests) <= 10

    def test_two_deliveries_do_not_both_try_it(self, engine, clock) -> None:
        payments(engine, 30)
        clock.now = go(engine, clock, self.down()).pause.until

        def during(batch: Sequence[Outbound]) -> SendResult:
            with engine.begin() as connection:
                key = {"platform": "tiktok", "account": "main", "now": clock.now}
                other = connection.execute(
                    query("delivery/take_probe"), {**key, "next_probe_at": clock.now + HOUR}
                )
                assert other.one_or_none() is None
            return taken(batch)

        assert go(engine, clock, Scripted(during, known())).requests > 0

    def test_a_try_that_dies_is_followed_by_another(self, engine, clock) -> None:
        payments(engine, 30)
        clock.now = go(engine, clock, self.down()).pause.until

        def dies(_: Sequence[Outbound]) -> SendResult:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            go(engine, clock, Scripted(dies, known()))
        assert go(engine, clock, Scripted(taken, known())).requests == 0
        clock.now += 3 * MINUTE
        go(engine, clock, Scripted(taken, known()))
        assert states(engine) == {("settled", "confirmed"): 30}

    def test_where_copies_count_a_try_risks_one_conversion(self, engine, clock) -> None:
        payments(engine, 30)
        platform = self.down(dedup=DedupPromise.NONE, batch_size=20)
        clock.now = go(engine, clock, platform).pause.until
        go(engine, clock, platform)
        assert [len(request) for request in platform.requests] == [20, 20, 20, 20, 1]

    @pytest.mark.parametrize("outcome", [Outcome.HOLD, Outcome.BAD_BATCH])
    def test_an_answer_that_refuses_shows_that_the_platform_is_there(self, engine, clock, outcome) -> None:
        payments(engine, 5)
        clock.now = go(engine, clock, self.down()).pause.until
        tally = go(engine, clock, Scripted(lambda _: SendResult(outcome=outcome, code="bad"), known()))
        assert tally.pause is None


def test_looking_whether_anything_is_due_never_walks_through_what_has_left(engine) -> None:
    payments(engine, 500)
    due = {
        "platform": "tiktok",
        "account": "main",
        "kind": "conversion",
        "now": NOW,
        "horizon": EVERYTHING.end,
    }
    with engine.begin() as connection:
        connection.execute(text("analyze conversion"))
    with Desk(
        engine=engine, platform="tiktok", account="main", run_id="r", targets={}
    ).by_key() as connection:
        plan = connection.scalars(text(f"explain {query('delivery/any_due').text}"), due).all()
    assert any("kind_deadline" in line for line in plan), "the index of planned rows alone"
