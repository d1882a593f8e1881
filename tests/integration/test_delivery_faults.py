"""What a delivery does when a platform misbehaves: one batch at stake at most, nothing asked for ever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from conversion_sync.config.settings import UploadMode
from conversion_sync.model.click import ClickIdKind, Consent
from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.model.revenue import EventKind
from conversion_sync.platforms.platform import DedupPromise, Patience, RowResult, SendResult
from tests.integration.scripted import DiedError, Scripted, enable, facts, payments, run, states, taken
from tests.integration.world import DAY, HOUR, NOW, TINY, click, event, land, ledger, rooms, rows

TIKTOK = {"platform": "tiktok", "network": "tiktok", "dedup": DedupPromise.WITHIN_WINDOW}
GOOGLE = {
    "platform": "google_ads",
    "network": "google",
    "dedup": DedupPromise.ALWAYS,
    "can_restate": True,
    "can_retract": True,
    "adjustment_window": 54 * DAY,
}
LOST = SendResult(outcome=Outcome.AMBIGUOUS, code="no_answer")
BAD = SendResult(outcome=Outcome.BAD_BATCH, code="bad")


@pytest.fixture
def engine(database) -> Engine:
    return enable(database.engine, "meta")


@pytest.fixture
def tiktok(database) -> Engine:
    return enable(database.engine, "tiktok")


@pytest.fixture
def google(database) -> Engine:
    return enable(database.engine, "google_ads")


def test_where_copies_count_an_answer_in_doubt_ends_the_delivery(engine) -> None:
    payments(engine, 20)
    platform = Scripted(lambda _: LOST)
    tally = run(engine, platform)
    assert len(platform.requests) == 1
    assert tally.stopped == LOST
    assert states(engine) == {("unknown", "may_have_arrived"): 4, ("planned", "ready"): 16}


def test_where_copies_are_dropped_it_is_asked_again_in_the_same_delivery(tiktok) -> None:
    payments(tiktok, 4)
    answers = iter([LOST])
    platform = Scripted(lambda batch: next(answers, None) or taken(batch), facts(**TIKTOK))
    assert run(tiktok, platform).stopped is None
    assert platform.sent[:4] == platform.sent[4:]
    assert states(tiktok) == {("settled", "confirmed"): 4}


def test_when_the_process_dies_in_a_search_only_the_request_under_way_is_in_doubt(database) -> None:
    engine = enable(database.engine, "meta")
    payments(engine, 8)
    answers = iter([BAD, taken([]), BAD])

    def dying(_: Sequence[Outbound]) -> SendResult:
        answer = next(answers, None)
        if answer is None:
            raise DiedError
        return answer

    platform = Scripted(dying, facts(batch_size=8))
    with pytest.raises(DiedError):
        run(engine, platform)
    _, delivered, refused, under_way = platform.requests
    assert rows(engine, "select vendor_id from conversion where state = 'settled' order by 1") == sorted(
        (row.vendor_id,) for row in delivered
    )
    again = Scripted(taken, facts(batch_size=8))
    assert run(engine, again).recovered == len(under_way) == 2
    assert set(again.sent) == {row.vendor_id for row in refused} - {row.vendor_id for row in under_way}
    assert states(engine) == {("settled", "confirmed"): 6, ("unknown", "may_have_arrived"): 2}


def test_every_request_of_a_search_has_its_outcome_on_record(engine) -> None:
    payments(engine, 4)
    [(victim,)] = rows(engine, "select vendor_id from conversion where event_key = 'pay2'")
    platform = Scripted(lambda batch: BAD if victim in {row.vendor_id for row in batch} else taken(batch))
    run(engine, platform)
    told = rows(
        engine, "select phase, outcome, count(*)::int from delivery_attempt group by 1, 2 order by 1, 2"
    )
    assert told == [
        ("intent", None, 8),
        ("outcome", "bad_batch", 5),
        ("outcome", "delivered", 3),
        ("outcome", "rejected", 1),
    ]


def test_a_platform_that_goes_away_during_a_search_is_asked_no_more(engine) -> None:
    payments(engine, 4)
    answers = iter([BAD, LOST])
    platform = Scripted(lambda _: next(answers))
    tally = run(engine, platform)
    assert len(platform.requests) == 2
    assert tally.stopped == LOST
    assert states(engine) == {("unknown", "may_have_arrived"): 2, ("planned", "waits_retry"): 2}
    run(engine, Scripted(taken), NOW + HOUR)
    assert states(engine) == {("unknown", "may_have_arrived"): 2, ("settled", "confirmed"): 2}


def test_rows_of_a_partial_answer_go_again_one_by_one_until_the_one_that_fails_is_known(tiktok) -> None:
    payments(tiktok, 3)
    [(victim,)] = rows(tiktok, "select vendor_id from conversion where event_key = 'pay1'")

    def partly(batch: Sequence[Outbound]) -> SendResult:
        if len(batch) > 1:
            return SendResult(outcome=Outcome.AMBIGUOUS, code="20001")
        return BAD if batch[0].vendor_id == victim else taken(batch)

    platform = Scripted(partly, facts(**TIKTOK, resend_alone=frozenset({"20001"})))
    assert run(tiktok, platform).stopped is None
    assert [len(request) for request in platform.requests] == [3, 1, 1, 1]
    assert states(tiktok) == {("settled", "confirmed"): 2, ("rejected", "platform_refused"): 1}


def test_a_row_whose_answer_stays_partial_lets_others_pass_and_ends_as_a_persons(tiktok) -> None:
    payments(tiktok, 3)
    [(victim,)] = rows(tiktok, "select vendor_id from conversion where event_key = 'pay2'")

    def partly(batch: Sequence[Outbound]) -> SendResult:
        whole = all(row.vendor_id != victim for row in batch)
        return taken(batch) if whole else SendResult(outcome=Outcome.AMBIGUOUS, code="20001")

    platform = Scripted(partly, facts(**TIKTOK, resend_alone=frozenset({"20001"})))
    run(tiktok, platform)
    assert states(tiktok) == {("settled", "confirmed"): 2, ("planned", "resend_in_doubt"): 1}
    assert [len(request) for request in platform.requests] == [3, 1, 1, 1]
    run(tiktok, platform, NOW + DAY)
    assert [len(request) for request in platform.requests[4:]] == [1]
    run(tiktok, platform, NOW + 48 * HOUR)
    assert ledger(tiktok, "pay2")["tiktok"][:2] == ("unknown", "may_have_arrived")


def test_a_refused_credential_does_not_use_up_the_time_in_which_copies_are_dropped(tiktok) -> None:
    payments(tiktok, 1)
    run(tiktok, Scripted(lambda _: SendResult(outcome=Outcome.HOLD, code="40102"), facts(**TIKTOK)))
    assert rows(tiktok, "select first_sent_at from conversion") == [(None,)]
    answers = iter([LOST])
    again = Scripted(lambda batch: next(answers, None) or taken(batch), facts(**TIKTOK))
    run(tiktok, again, NOW + 3 * DAY)
    assert states(tiktok) == {("settled", "confirmed"): 1}


def test_a_code_is_obeyed_only_as_often_as_the_catalogue_says(google) -> None:
    payments(google, 1)
    later = RowResult(outcome=Outcome.RETRY_LATER, code="again", text="not found")
    platform = Scripted(
        lambda _: SendResult(outcome=Outcome.DELIVERED, rows={0: later}),
        facts(**GOOGLE, patience={"again": Patience(tries=3, delay=6 * HOUR)}),
    )
    for hours in range(0, 48, 3):
        run(google, platform, NOW + hours * HOUR)
    assert len(platform.requests) == 4
    assert states(google) == {("rejected", "needs_review"): 1}
    assert rows(google, "select distinct code, text from delivery_attempt where phase = 'outcome'") == [
        ("again", "not found")
    ]


def test_a_delay_the_code_asks_for_is_not_shortened_by_the_same_delivery(engine) -> None:
    payments(engine, 2)
    platform = Scripted(
        lambda _: SendResult(outcome=Outcome.RETRY_LATER, code="again"),
        facts(patience={"again": Patience(delay=6 * HOUR)}),
    )
    run(engine, platform)
    assert len(platform.requests) == 1
    assert rows(engine, "select distinct not_before from conversion") == [(NOW + 6 * HOUR,)]


def test_refused_consent_stops_a_row_at_the_last_moment(engine) -> None:
    payments(engine, 1)
    land(engine, click("c", DAY, ClickIdKind.FBCLID, consent=Consent.DENIED))
    platform = Scripted(taken)
    run(engine, platform)
    assert platform.requests == []


@pytest.mark.parametrize(
    ("now", "payment", "back"),
    [
        (NOW + 6 * DAY + 23 * HOUR, "event_too_old", "nothing_to_adjust"),
        (NOW + 5 * DAY, "ready", "netted_before_send"),
    ],
)
def test_what_ran_out_of_time_reads_as_a_full_run_would_put_it(engine, now, payment, back) -> None:
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=100)
    event(engine, "back", EventKind.REFUND, HOUR / 2, net=-30, parent="pay", left=70, refunded=30)
    rooms(engine, window=TINY)
    run(engine, Scripted(taken), now, mode=UploadMode.DRY_RUN, window=TINY)
    found = (ledger(engine, "pay")["meta"][1], ledger(engine, "back")["meta"][1])
    assert found == (payment, back)
    rooms(engine, now)
    assert (ledger(engine, "pay")["meta"][1], ledger(engine, "back")["meta"][1]) == found


def test_a_click_that_grew_too_old_is_told_from_an_event_that_did(google) -> None:
    payments(google, 1)
    late = NOW + 89 * DAY + HOUR / 2
    run(google, Scripted(taken, facts(**GOOGLE)), late, mode=UploadMode.DRY_RUN, window=TINY)
    assert ledger(google, "pay0")["google_ads"][:2] == ("skipped", "click_too_old")
    rooms(google, late)
    assert ledger(google, "pay0")["google_ads"][:2] == ("skipped", "click_too_old")


def test_a_row_that_may_have_arrived_is_a_persons_when_its_time_is_over(tiktok) -> None:
    payments(tiktok, 1)
    run(tiktok, Scripted(lambda _: LOST, facts(**TIKTOK)))
    run(tiktok, Scripted(taken, facts(**TIKTOK)), NOW + 2 * DAY, mode=UploadMode.DRY_RUN)
    assert states(tiktok) == {("unknown", "may_have_arrived"): 1}


class TestCheckWithoutSending:
    def test_everything_due_is_checked_by_action_and_what_is_refused_is_told(self, google) -> None:
        with google.begin() as connection:
            connection.exec_driver_sql(
                "insert into plan_rule (platform, account, event_kind, action, value_rule) "
                "values ('google_ads', 'main', 'renewal', 'again', 'net_cash')"
            )
        for number in range(3):
            event(google, f"again{number}", EventKind.RENEWAL, 2 * HOUR, net=100)
        payments(google, 6)
        names = rows(google, "select vendor_id from conversion where event_key in ('pay1', 'again2')")
        bad = {name for (name,) in names}
        platform = Scripted(lambda batch: BAD if bad & {row.vendor_id for row in batch} else taken(batch))
        before = rows(google, "select * from conversion order by conversion_id")
        platform.catalogue = facts(**GOOGLE)
        tally = run(google, platform, mode=UploadMode.VALIDATE_ONLY)
        assert {len({row.action for row in request}) for request in platform.requests} == {1}
        assert sum(tally.outcomes.values()) == 9
        assert tally.outcomes == {"delivered": 7, "rejected": 2}
        assert {row.vendor_id for row, _ in tally.refused} == bad
        assert {answer.code for _, answer in tally.refused} == {"bad"}
        assert tally.stopped is None
        assert rows(google, "select * from conversion order by conversion_id") == before
        assert rows(google, "select count(*)::int from delivery_attempt") == [(0,)]

    @pytest.mark.parametrize("outcome", [Outcome.HOLD, Outcome.RETRY_LATER, Outcome.AMBIGUOUS])
    def test_an_answer_about_the_account_ends_the_check_and_is_told(self, engine, outcome) -> None:
        payments(engine, 9)
        answer = SendResult(outcome=outcome, code="190", remedy="Renew the token.")
        platform = Scripted(lambda _: answer)
        tally = run(engine, platform, mode=UploadMode.VALIDATE_ONLY)
        assert (len(platform.requests), tally.stopped) == (1, answer)
        assert states(engine) == {("planned", "ready"): 9}

    def test_corrections_are_checked_too(self, google) -> None:
        payments(google, 1)
        run(google, Scripted(taken, facts(**GOOGLE)))
        event(google, "back", EventKind.REFUND, HOUR / 2, net=-30, parent="pay0", left=70, refunded=30)
        rooms(google, window=TINY)
        platform = Scripted(taken, facts(**GOOGLE))
        run(google, platform, mode=UploadMode.VALIDATE_ONLY)
        assert [(row.kind.value, row.verb.value) for request in platform.requests for row in request] == [
            ("adjustment", "restate")
        ]

    def test_rows_that_break_a_documented_rule_are_told_without_asking(self, engine) -> None:
        land(engine, click("b", DAY / 2, ClickIdKind.FBCLID, click_id="broken"))
        payments(engine, 1)
        platform = Scripted(taken)
        tally = run(engine, platform, mode=UploadMode.VALIDATE_ONLY)
        assert platform.requests == []
        assert [(row.click_id, answer.code, answer.text) for row, answer in tally.refused] == [
            ("broken", "invalid_row", "the click id is empty")
        ]


def test_pauses_within_a_delivery_stay_below_the_platforms_own_delay(engine) -> None:
    payments(engine, 1)
    asked = timedelta(minutes=10)
    platform = Scripted(lambda _: SendResult(outcome=Outcome.RETRY_LATER, code="again", retry_after=asked))
    run(engine, platform)
    run(engine, platform, NOW + asked / 2)
    assert len(platform.requests) == 1
