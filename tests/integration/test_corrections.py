"""Corrections of one payment leave one after the other: what each is worth hangs on those before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.model.revenue import EventKind
from conversion_sync.platforms.platform import DedupPromise, RowResult, SendResult
from conversion_sync.reports.reconciliation import reconcile
from tests.integration.scripted import Scripted, enable, facts, payments, run, taken
from tests.integration.world import DAY, HOUR, NOW, TINY, by_force, event, ledger, rooms, rows

REFUSED = RowResult(outcome=Outcome.REJECTED, code="bad", text="no")
GONE = SendResult(outcome=Outcome.AMBIGUOUS, code="no_answer", retry_after=timedelta(minutes=5))

IN_PART = SendResult(outcome=Outcome.AMBIGUOUS, code="in_part", retry_after=timedelta(minutes=5))


def google(script=taken) -> Scripted:
    return Scripted(
        script,
        facts(
            platform="google_ads",
            network="google",
            dedup=DedupPromise.ALWAYS,
            can_restate=True,
            can_retract=True,
            adjustment_window=54 * DAY,
            resend_alone=frozenset({"in_part"}),
        ),
    )


def answering(by_value: Mapping[int | None, RowResult]):
    """Answers each correction by the value it restates to, None for a retraction; takes in all others."""

    def script(batch: Sequence[Outbound]) -> SendResult:
        values = [row.value.minor if row.value else None for row in batch]
        return SendResult(
            outcome=Outcome.DELIVERED,
            rows={place: by_value[value] for place, value in enumerate(values) if value in by_value},
        )

    return script


@pytest.fixture
def engine(database) -> Engine:
    """Google holds a payment of 100."""
    enable(database.engine, "google_ads")
    payments(database.engine, 1)
    run(database.engine, google())
    return database.engine


def refund(engine: Engine, key: str, net: int, left: int, minutes_ago: int) -> None:
    ago = timedelta(minutes=minutes_ago)
    event(engine, key, EventKind.REFUND, ago, net=-net, parent="pay0", left=left, refunded=100 - left)
    rooms(engine, window=TINY)


def told(platform: Scripted) -> list[list[int | None]]:
    """The values of each request, None for a retraction."""
    return [[row.value.minor if row.value else None for row in request] for request in platform.requests]


def balanced(engine: Engine) -> bool:
    return [line.residual_minor for line in reconcile(engine)] == [0]


def test_a_correction_waits_for_one_that_may_have_arrived_and_leaves_after_it(engine) -> None:
    refund(engine, "r1", 30, 70, 30)
    run(engine, google(lambda _: GONE))
    refund(engine, "r2", 70, 0, 20)
    assert ledger(engine, "r1")["google_ads"][:2] == ("planned", "resend_in_doubt")
    assert ledger(engine, "r2")["google_ads"][:2] == ("planned", "waits_for_original")

    platform = google()
    run(engine, platform, NOW + HOUR)

    assert told(platform) == [[70], [None]]
    assert platform.requests[0][0].adjusted_at < platform.requests[1][0].adjusted_at
    assert rows(engine, "select sum(book_minor)::int from conversion where state = 'settled'") == [(0,)]
    assert balanced(engine)


def test_what_a_correction_is_worth_is_planned_after_the_one_before_was_refused(engine) -> None:
    refund(engine, "r1", 30, 70, 30)
    run(engine, google(lambda _: IN_PART))
    refund(engine, "r2", 20, 50, 20)
    assert ledger(engine, "r2")["google_ads"][:2] == ("planned", "waits_for_original")

    platform = google(answering({70: REFUSED}))
    run(engine, platform, NOW + HOUR)

    assert told(platform) == [[70], [50]]
    assert rows(
        engine, "select event_key, state, book_minor from conversion where kind = 'adjustment' order by 1"
    ) == [("r1", "rejected", -30), ("r2", "settled", -50)]
    assert balanced(engine)


def test_a_correction_in_doubt_that_is_refused_is_a_persons_and_those_after_it_wait(engine) -> None:
    refund(engine, "r1", 30, 70, 30)
    run(engine, google(lambda _: GONE))
    refund(engine, "r2", 20, 50, 20)

    platform = google(answering({70: REFUSED}))
    run(engine, platform, NOW + HOUR)

    assert told(platform) == [[70]]
    assert ledger(engine, "r1")["google_ads"][:2] == ("unknown", "may_have_arrived")
    assert ledger(engine, "r2")["google_ads"][:2] == ("planned", "waits_for_original")
    assert balanced(engine)


def test_a_correction_is_not_claimed_while_its_plan_is_stale(engine) -> None:
    refund(engine, "r1", 30, 70, 30)
    [(key,)] = rows(engine, "select event_key from conversion where kind = 'adjustment'")
    with engine.begin() as connection:
        connection.execute(text("insert into dirty values ('plan', :key)"), {"key": key})
    assert rows(engine, "select count(*)::int from sendable") == [(0,)]
    rooms(engine, window=TINY)
    assert rows(engine, "select count(*)::int from sendable") == [(1,)]


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ("state = 'in_flight'", set()),
        ("state = 'accepted'", set()),
        ("in_doubt = true", {"r1"}),
        ("state = 'settled'", {"r2"}),
        ("state = 'rejected'", {"r2"}),
        ("state = 'planned'", {"r1"}),
        ("state = 'planned', adjusted_at = now() + interval '1 year'", {"r2"}),
    ],
)
def test_of_two_corrections_of_a_payment_one_may_leave(engine, change: str, left: set[str]) -> None:
    refund(engine, "r1", 30, 70, 30)
    refund(engine, "r2", 20, 50, 20)
    with engine.begin() as connection:
        by_force(connection)
        connection.execute(text("update conversion set state = 'planned' where kind = 'adjustment'"))
        connection.execute(text(f"update conversion set {change} where event_key = 'r1'"))
    assert rows(engine, "select event_key from sendable join conversion using (conversion_id)") == [
        (key,) for key in sorted(left)
    ]


def test_corrections_of_two_payments_share_a_request(database) -> None:
    engine = enable(database.engine, "google_ads")
    payments(engine, 2)
    run(engine, google())
    for number in range(2):
        event(engine, f"back{number}", EventKind.REFUND, HOUR / 2, net=-40, parent=f"pay{number}", left=60)
    rooms(engine, window=TINY)
    platform = google()
    run(engine, platform)
    assert told(platform) == [[60, 60]]


def test_an_earlier_correction_goes_out_where_the_later_one_was_refused_for_good(engine) -> None:
    refund(engine, "r1", 30, 70, 30)
    refund(engine, "r2", 20, 50, 20)
    assert ledger(engine, "r1")["google_ads"][:2] == ("skipped", "overtaken")

    platform = google(answering({50: REFUSED}))
    run(engine, platform)

    assert told(platform) == [[50], [70]]
    assert ledger(engine, "r1")["google_ads"] == ("settled", "confirmed", 70)
    [line] = reconcile(engine)
    assert [(group.reason, group.minor) for group in line.not_held] == [("platform_refused", -20)]
    assert (line.held_minor, line.value_rule_minor, line.residual_minor) == (70, 0, 0)


def test_a_correction_after_a_refused_one_carries_it_too(engine) -> None:
    refund(engine, "r1", 30, 70, 30)
    run(engine, google(answering({70: REFUSED})))
    refund(engine, "r2", 20, 50, 20)
    run(engine, google())
    [line] = reconcile(engine)
    assert (line.billing_minor, line.held_minor, line.value_rule_minor, line.not_held) == (50, 50, 0, ())
    assert line.residual_minor == 0


def test_a_refund_that_came_while_its_payment_was_underway_is_netted_once_it_came_back(database) -> None:
    engine = enable(database.engine, "google_ads")
    payments(engine, 1)

    def refunded_meanwhile(_: Sequence[Outbound]) -> SendResult:
        refund(engine, "r1", 30, 70, 30)
        return SendResult(outcome=Outcome.HOLD, code="190")

    run(engine, google(refunded_meanwhile))
    rooms(engine, window=TINY)
    assert ledger(engine, "pay0")["google_ads"] == ("held", "credential_or_configuration", 70)
    assert ledger(engine, "r1")["google_ads"][:2] == ("skipped", "netted_before_send")
