"""Delivery keeps its books: intent before request, outcome after, nothing twice, nothing lost.

The platform here answers as a test says, to reach every state in turn; the vendors' own behaviour is
held by tests/contract.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from conversion_sync.config.settings import UploadMode
from conversion_sync.delivery import attempts
from conversion_sync.model.click import ClickIdKind
from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.model.revenue import EventKind
from conversion_sync.platforms.platform import (
    DedupPromise,
    RowResult,
    SendResult,
    Settlement,
    SettlementStatus,
)
from tests.integration.scripted import DiedError, Scripted, enable, facts, payments, run, states, taken
from tests.integration.world import (
    DAY,
    HOUR,
    NOW,
    click,
    event,
    land,
    ledger,
    link,
    rooms,
    rows,
)


@pytest.fixture
def engine(database) -> Engine:
    return enable(database.engine, "meta")


def test_everything_due_leaves_in_batches_and_is_settled(engine) -> None:
    payments(engine, 10)
    platform = Scripted(taken)
    run(engine, platform)
    assert [len(request) for request in platform.requests] == [4, 4, 2]
    assert states(engine) == {("settled", "confirmed"): 10}
    assert len(set(platform.sent)) == 10


def test_a_second_delivery_sends_nothing(engine) -> None:
    payments(engine, 3)
    run(engine, Scripted(taken))
    platform = Scripted(taken)
    run(engine, platform)
    assert platform.requests == []


def test_the_intent_is_on_record_before_the_request_leaves(engine) -> None:
    payments(engine, 2)
    seen: list[list[tuple]] = []

    def look(_: Sequence[Outbound]) -> SendResult:
        seen.append(rows(engine, "select phase, outcome from delivery_attempt order by attempt_id"))
        seen.append(rows(engine, "select distinct state from conversion"))
        return SendResult(outcome=Outcome.DELIVERED)

    run(engine, Scripted(look))
    assert seen == [[("intent", None), ("intent", None)], [("in_flight",)]]
    assert rows(engine, "select phase, outcome from delivery_attempt order by attempt_id") == [
        ("intent", None),
        ("intent", None),
        ("outcome", "delivered"),
        ("outcome", "delivered"),
    ]


@pytest.mark.parametrize(
    ("dedup", "sent_ago", "expected"),
    [
        (DedupPromise.NONE, timedelta(), {("unknown", "may_have_arrived"): 2}),
        (DedupPromise.WITHIN_WINDOW, timedelta(), {("settled", "confirmed"): 2}),
        (DedupPromise.WITHIN_WINDOW, 2 * DAY, {("unknown", "may_have_arrived"): 2}),
        (DedupPromise.ALWAYS, 3 * DAY, {("settled", "confirmed"): 2}),
    ],
)
def test_rows_a_dead_run_left_in_flight_follow_the_platforms_promise(
    engine, dedup, sent_ago, expected
) -> None:
    payments(engine, 2)

    def die(_: Sequence[Outbound]) -> SendResult:
        raise DiedError

    first = Scripted(die, facts(dedup=dedup))
    with pytest.raises(DiedError):
        run(engine, first)
    assert states(engine) == {("in_flight", "sent"): 2}
    second = Scripted(taken, facts(dedup=dedup))
    run(engine, second, NOW + sent_ago)
    assert states(engine) == expected
    assert second.sent in ([], first.sent)


def test_an_ambiguous_answer_without_a_promise_is_a_humans_to_decide(engine) -> None:
    payments(engine, 2)
    platform = Scripted(lambda _: SendResult(outcome=Outcome.AMBIGUOUS, code="timeout"))
    run(engine, platform)
    assert states(engine) == {("unknown", "may_have_arrived"): 2}
    again = Scripted(taken)
    run(engine, again, NOW + HOUR)
    assert again.requests == []


def test_a_passing_fault_is_tried_again_in_the_same_run(engine) -> None:
    payments(engine, 2)
    answers = iter([Outcome.RETRY_LATER, Outcome.RETRY_LATER, Outcome.DELIVERED])
    platform = Scripted(lambda _: SendResult(outcome=next(answers), code="again"))
    tally = run(engine, platform)
    assert tally.stopped is None
    assert states(engine) == {("settled", "confirmed"): 2}
    assert rows(engine, "select distinct attempts from conversion") == [(3,)]


def test_a_platform_that_stays_down_leaves_rows_planned_for_the_next_run(engine) -> None:
    payments(engine, 6)
    later = timedelta(minutes=10)
    platform = Scripted(lambda _: SendResult(outcome=Outcome.RETRY_LATER, code="again", retry_after=later))
    tally = run(engine, platform)
    assert tally.stopped is not None
    assert len(platform.requests) == 1
    assert states(engine) == {("planned", "waits_retry"): 4, ("planned", "ready"): 2}
    assert rows(engine, "select distinct not_before from conversion where reason = 'waits_retry'") == [
        (NOW + later,)
    ]
    run(engine, Scripted(taken), NOW + later)
    assert states(engine) == {("settled", "confirmed"): 6}


def test_a_refused_credential_holds_the_account_without_spending_attempts(engine) -> None:
    payments(engine, 6)
    platform = Scripted(lambda _: SendResult(outcome=Outcome.HOLD, code="190", remedy="Renew the token."))
    tally = run(engine, platform)
    assert tally.stopped is not None
    assert tally.stopped.remedy == "Renew the token."
    assert len(platform.requests) == 1
    assert states(engine) == {("held", "credential_or_configuration"): 6}
    assert rows(engine, "select distinct attempts from conversion") == [(0,)]
    run(engine, Scripted(taken))
    assert states(engine) == {("settled", "confirmed"): 6}


def test_rows_refused_one_by_one_keep_the_platforms_words(engine) -> None:
    payments(engine, 3)
    bad = RowResult(outcome=Outcome.REJECTED, code="bad", text="no such click")
    run(engine, Scripted(lambda _: SendResult(outcome=Outcome.DELIVERED, rows={1: bad})))
    assert states(engine) == {("settled", "confirmed"): 2, ("rejected", "platform_refused"): 1}
    assert rows(engine, "select code, text from delivery_attempt where outcome = 'rejected'") == [
        ("bad", "no such click")
    ]


def test_a_code_nobody_knows_asks_for_review(engine) -> None:
    payments(engine, 1)
    odd = RowResult(outcome=Outcome.REJECTED, code="never seen")
    run(engine, Scripted(lambda _: SendResult(outcome=Outcome.DELIVERED, rows={0: odd})))
    assert states(engine) == {("rejected", "needs_review"): 1}


def test_a_refused_batch_costs_only_its_bad_row_and_each_request_is_on_record(engine) -> None:
    payments(engine, 4)
    [(victim,)] = rows(engine, "select vendor_id from conversion where event_key = 'pay2'")

    def picky(batch: Sequence[Outbound]) -> SendResult:
        bad = any(row.vendor_id == victim for row in batch)
        return SendResult(outcome=Outcome.BAD_BATCH if bad else Outcome.DELIVERED, code="bad" if bad else "")

    platform = Scripted(picky)
    run(engine, platform)
    assert states(engine) == {("settled", "confirmed"): 3, ("rejected", "platform_refused"): 1}
    asked = rows(engine, "select count(*)::int from delivery_attempt where phase = 'intent'")
    assert asked == [(len(platform.sent),)]


def test_a_row_that_breaks_a_documented_rule_never_leaves(engine) -> None:
    link(engine, "visitor", "v2", "customer", "stripe:main:cus_2")
    land(engine, click("b", DAY, ClickIdKind.FBCLID, click_id="broken", visitor="v2"))
    event(engine, "bad", EventKind.FIRST_PAYMENT, HOUR, net=100, customer="stripe:main:cus_2")
    payments(engine, 1)
    platform = Scripted(taken)
    run(engine, platform)
    assert ledger(engine, "bad")["meta"][:2] == ("rejected", "invalid_row")
    assert len(platform.sent) == 1


def test_a_row_in_doubt_that_may_not_leave_again_is_a_humans_to_decide(engine) -> None:
    payments(engine, 2)
    known = facts(dedup=DedupPromise.ALWAYS)
    run(engine, Scripted(lambda _: SendResult(outcome=Outcome.AMBIGUOUS, code="no_answer"), known))
    assert states(engine) == {("planned", "resend_in_doubt"): 2}
    stricter = Scripted(taken, known)
    stricter.invalid = lambda _: "The landing URL is malformed."  # type: ignore[method-assign]
    run(engine, stricter, NOW + HOUR)
    assert stricter.requests == []
    assert states(engine) == {("unknown", "may_have_arrived"): 2}
    assert rows(engine, "select distinct in_doubt, code from conversion") == [(True, "invalid_row")]


def test_what_ran_out_of_time_is_skipped_and_not_failed(engine) -> None:
    payments(engine, 2)
    platform = Scripted(taken)
    run(engine, platform, NOW + 7 * DAY)
    assert platform.requests == []
    assert states(engine) == {("skipped", "event_too_old"): 2}


@pytest.mark.parametrize("mode", [UploadMode.DRY_RUN, UploadMode.VALIDATE_ONLY])
def test_nothing_changes_unless_uploads_are_live(engine, mode) -> None:
    payments(engine, 2)
    before = rows(engine, "select * from conversion order by conversion_id")
    platform = Scripted(taken)
    run(engine, platform, mode=mode)
    assert rows(engine, "select * from conversion order by conversion_id") == before
    assert len(platform.requests) == (0 if mode is UploadMode.DRY_RUN else 1)


def test_two_deliveries_at_once_send_nothing_twice(engine) -> None:
    payments(engine, 12)
    platform = Scripted(taken)
    workers = [threading.Thread(target=run, args=(engine, platform)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(platform.sent) == len(set(platform.sent)) == 12


class TestPlatformThatConfirmsLater:
    @pytest.fixture
    def google(self, database) -> Engine:
        return enable(database.engine, "google_ads")

    def platform(self, **statuses: Settlement) -> Scripted:
        names = iter(["r1", "r2", "r3", "r4", "r5", "r6", "r7"])
        scripted = Scripted(
            lambda batch: SendResult(
                outcome=Outcome.ACCEPTED if batch[0].kind == "conversion" else Outcome.DELIVERED,
                request_ref=next(names) if batch[0].kind == "conversion" else None,
            ),
            facts(
                platform="google_ads",
                network="google",
                dedup=DedupPromise.ALWAYS,
                confirms_later=True,
                can_restate=True,
                can_retract=True,
                adjustment_window=54 * DAY,
                first_status_after=timedelta(minutes=30),
            ),
        )
        scripted.statuses = dict(statuses)
        return scripted

    def test_rows_settle_when_the_platform_says_so_and_not_before(self, google) -> None:
        payments(google, 2)
        platform = self.platform(r1=Settlement(status=SettlementStatus.PENDING))
        run(google, platform)
        assert states(google) == {("accepted", "awaiting_confirmation"): 2}
        run(google, platform, NOW + timedelta(minutes=30))
        assert states(google) == {("accepted", "awaiting_confirmation"): 2}
        platform.statuses["r1"] = Settlement(status=SettlementStatus.SETTLED)
        run(google, platform, NOW + 2 * HOUR)
        assert states(google) == {("settled", "confirmed"): 2}

    def test_a_refund_goes_out_in_the_run_that_sees_its_payment_settled(self, google) -> None:
        payments(google, 1)
        platform = self.platform(r1=Settlement(status=SettlementStatus.SETTLED))
        run(google, platform)
        event(google, "back", EventKind.REFUND, HOUR / 2, net=-40, parent="pay0", left=60, refunded=40)
        rooms(google)
        assert ledger(google, "back")["google_ads"][:2] == ("planned", "waits_for_original")
        run(google, platform, NOW + timedelta(minutes=31))
        assert states(google) == {("settled", "confirmed"): 2}
        [conversion], [correction] = platform.requests
        assert (correction.vendor_id, correction.verb.value, correction.value.minor) == (
            conversion.vendor_id,
            "restate",
            60,
        )

    def test_a_request_that_failed_for_one_reason_refuses_its_rows(self, google) -> None:
        payments(google, 2)
        platform = self.platform(r1=Settlement(status=SettlementStatus.FAILED, counts={"bad": 2}))
        run(google, platform)
        run(google, platform, NOW + HOUR)
        assert states(google) == {("rejected", "platform_refused"): 2}

    def test_a_partial_answer_is_halved_until_every_row_is_known(self, google) -> None:
        payments(google, 4)
        [(victim,)] = rows(google, "select vendor_id from conversion where event_key = 'pay3'")
        platform = self.platform()

        def status(request_ref: str) -> Settlement:
            batch = platform.requests[int(request_ref[1:]) - 1]
            bad = sum(row.vendor_id == victim for row in batch)
            if not bad:
                return Settlement(status=SettlementStatus.SETTLED)
            whole = bad == len(batch)
            kind = SettlementStatus.FAILED if whole else SettlementStatus.PARTIAL
            return Settlement(status=kind, counts={"bad": bad})

        platform.settlement = status  # type: ignore[method-assign]
        for hours in range(6):
            run(google, platform, NOW + hours * HOUR)
        assert ledger(google, "pay3")["google_ads"][:2] == ("rejected", "platform_refused")
        assert states(google) == {("settled", "confirmed"): 3, ("rejected", "platform_refused"): 1}
        assert [len(batch) for batch in platform.requests] == [4, 2, 2, 1, 1]


def test_the_chain_of_attempts_is_whole_and_shows_what_was_changed(engine) -> None:
    payments(engine, 5)
    run(engine, Scripted(taken))
    assert chain_is_whole(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("update delivery_attempt set text = 'forged' where attempt_id = 3")
    assert not chain_is_whole(engine)


def chain_is_whole(engine: Engine) -> bool:
    end = ""
    columns = ", ".join(attempts.COLUMNS)
    for row in rows(
        engine, f"select {columns}, prev_digest, digest from delivery_attempt order by attempt_id"
    ):
        *values, previous, digest = row
        if previous != end or attempts.link(end, values) != digest:
            return False
        end = digest
    return True
