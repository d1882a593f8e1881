"""What a person decides about rows: refused ones go again, doubt ends, holds are let go."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Engine

from conversion_sync.delivery.operate import (
    IN_DOUBT,
    Choice,
    Decided,
    Decision,
    Operator,
    choose,
    decide,
    strangers,
)
from conversion_sync.model.click import ClickIdKind, Consent
from conversion_sync.model.conversion import REASONS, Outbound, Outcome, Reason
from conversion_sync.model.revenue import EventKind
from conversion_sync.platforms.platform import Catalogue, DedupPromise, RowResult, SendResult
from conversion_sync.reports.dead_letters import dead_letters
from conversion_sync.reports.laws import chain_breaks, conservation
from tests.integration.scripted import Scripted, enable, facts, payments, run, states, taken
from tests.integration.test_delivery_faults import GOOGLE, LOST, TIKTOK
from tests.integration.world import DAY, HOUR, NOW, TINY, click, event, land, ledger, rooms, rows

BY = Operator(name="ana", note="asked support")
BAD = RowResult(outcome=Outcome.REJECTED, code="bad", text="no")


def refusing(batch: Sequence[Outbound]) -> SendResult:
    return SendResult(outcome=Outcome.DELIVERED, rows=dict.fromkeys(range(len(batch)), BAD))


@pytest.fixture
def engine(database) -> Engine:
    return enable(database.engine, "meta")


def known(catalogue: Catalogue) -> dict[tuple[str, str], Catalogue]:
    return {(catalogue.platform, "main"): catalogue}


def taken_about(
    engine: Engine,
    decision: Decision,
    *ids: str,
    catalogue: Catalogue | None = None,
    now: datetime = NOW,
    **choice: object,
) -> Decided:
    picked = Choice(ids=ids, **choice)  # type: ignore[arg-type]
    return decide(engine, decision, picked, known(catalogue or facts()), BY, now)


def replay(engine: Engine, *ids: str, **choice: object) -> Decided:
    return taken_about(engine, Decision.REPLAYED, *ids, **choice)  # type: ignore[arg-type]


def vendor_ids(engine: Engine, state: str) -> list[str]:
    return [
        name
        for (name,) in rows(
            engine, "select vendor_id from conversion where state = :state order by 1", state=state
        )
    ]


def whole(engine: Engine) -> bool:
    return chain_breaks(engine) == [] and conservation(engine) == 0


class TestReplay:
    def test_refused_rows_go_again_and_a_second_replay_does_nothing(self, engine) -> None:
        payments(engine, 3)
        run(engine, Scripted(refusing))
        done = replay(engine, code="bad")
        assert (done.moved, done.stand) == (3, {("planned", "ready"): 3})
        assert replay(engine, code="bad").moved == 0
        platform = Scripted(taken)
        run(engine, platform)
        assert len(platform.sent) == 3
        assert states(engine) == {("settled", "confirmed"): 3}
        assert replay(engine, code="bad").moved == 0
        assert (
            rows(engine, "select phase, outcome, text, run_id from delivery_attempt where phase = 'operator'")
            == [("operator", "replayed", "ana: asked support", "cli")] * 3
        )
        assert whole(engine)

    @pytest.mark.parametrize(
        ("choice", "moved"),
        [
            ({"code": "bad"}, 2),
            ({"code": "other"}, 0),
            ({"platform": "meta"}, 2),
            ({"platform": "tiktok"}, 0),
            ({"account": "main"}, 2),
            ({"account": "other"}, 0),
            ({"start": NOW - HOUR}, 1),
            ({"end": NOW - HOUR}, 1),
            ({"start": NOW - HOUR, "end": NOW - HOUR}, 0),
        ],
    )
    def test_rows_are_chosen_by_what_is_given(self, engine, choice, moved) -> None:
        payments(engine, 2)
        run(engine, Scripted(refusing))
        assert replay(engine, **choice).moved == moved

    @pytest.mark.parametrize("prefix", ["", "cs_"])
    def test_one_row_is_named_as_here_or_as_at_the_platform(self, engine, prefix) -> None:
        payments(engine, 2)
        run(engine, Scripted(refusing))
        one = vendor_ids(engine, "rejected")[0]
        assert replay(engine, prefix + one.removeprefix("cs_")).moved == 1
        assert vendor_ids(engine, "planned") == [one]

    def test_listing_changes_nothing(self, engine) -> None:
        payments(engine, 2)
        run(engine, Scripted(refusing))
        before = rows(engine, "select * from conversion order by conversion_id")
        with engine.connect() as connection:
            found = choose(connection, Decision.REPLAYED, Choice(code="bad"), known(facts()))
        assert [(row.state, row.code, row.value_minor, row.barred) for row in found] == [
            ("rejected", "bad", 100, "")
        ] * 2
        assert rows(engine, "select * from conversion order by conversion_id") == before

    def test_what_is_too_old_by_now_ends_with_its_reason(self, engine) -> None:
        payments(engine, 1)
        run(engine, Scripted(refusing))
        assert replay(engine, code="bad", now=NOW + 7 * DAY).stand == {("skipped", "event_too_old"): 1}

    def test_a_refund_since_is_taken_off(self, engine) -> None:
        payments(engine, 2)
        run(engine, Scripted(refusing))
        event(engine, "half", EventKind.REFUND, HOUR / 2, net=-40, parent="pay0", left=60, refunded=40)
        event(engine, "all", EventKind.REFUND, HOUR / 2, net=-100, parent="pay1", left=0, refunded=100)
        rooms(engine, window=TINY)
        assert replay(engine, code="bad").stand == {
            ("planned", "ready"): 1,
            ("superseded", "refunded_before_send"): 1,
        }
        assert ledger(engine, "pay0")["meta"] == ("planned", "ready", 60)
        assert ledger(engine, "half")["meta"][1] == "netted_before_send"
        assert whole(engine)

    def test_consent_refused_since_is_obeyed(self, engine) -> None:
        payments(engine, 1)
        run(engine, Scripted(refusing))
        land(engine, click("c", DAY, ClickIdKind.FBCLID, consent=Consent.DENIED))
        rooms(engine, window=TINY)
        assert replay(engine, code="bad").stand == {("skipped", "no_consent"): 1}

    def test_an_earlier_copy_that_may_have_arrived_bars_it_where_copies_count(self, database) -> None:
        engine = enable(database.engine, "tiktok")
        payments(engine, 1)
        answers = iter([SendResult(outcome=Outcome.AMBIGUOUS, code="20001")])
        in_part = facts(**TIKTOK, resend_alone=frozenset({"20001"}))
        run(engine, Scripted(lambda batch: next(answers, None) or refusing(batch), in_part))
        assert states(engine) == {("rejected", "platform_refused"): 1}
        done = replay(engine, code="bad", catalogue=facts(**TIKTOK))
        assert (done.moved, [row.barred for row in done.chosen]) == (0, [IN_DOUBT])
        [name] = vendor_ids(engine, "rejected")
        assert taken_about(engine, Decision.MISSING, name, catalogue=facts(**TIKTOK)).moved == 1

    def test_an_earlier_copy_is_no_bar_where_copies_are_dropped_for_good(self, database) -> None:
        engine = enable(database.engine, "google_ads")
        payments(engine, 1)
        answers = iter([SendResult(outcome=Outcome.AMBIGUOUS, code="unplaced")])
        in_part = facts(**GOOGLE, resend_alone=frozenset({"unplaced"}))
        run(engine, Scripted(lambda batch: next(answers, None) or refusing(batch), in_part))
        assert replay(engine, code="bad", catalogue=facts(**GOOGLE)).moved == 1

    @pytest.mark.parametrize("known", [TIKTOK, GOOGLE], ids=lambda known: known["platform"])
    def test_a_row_in_doubt_that_is_refused_waits_for_who_looks_it_up(self, database, known) -> None:
        engine = enable(database.engine, known["platform"])
        payments(engine, 2)
        catalogue = facts(**known)
        run(engine, Scripted(lambda _: LOST, catalogue))
        run(engine, Scripted(refusing, catalogue), NOW + HOUR)
        assert states(engine) == {("unknown", "may_have_arrived"): 2}
        assert rows(engine, "select distinct in_doubt, code from conversion") == [(True, "bad")]
        found = dead_letters(
            engine, {(known["platform"], "main"): replace(catalogue, remedies={"bad": "Mend it."})}
        )
        assert [letter.text for letter in found.rows] == ["no", "no"]
        assert {letter.remedy for letter in (*found.rows, *found.groups)} == {
            REASONS[Reason.MAY_HAVE_ARRIVED].remedy
        }
        assert replay(engine, code="bad", catalogue=catalogue).moved == 0
        there, gone = vendor_ids(engine, "unknown")
        assert taken_about(engine, Decision.FOUND, there).stand == {("settled", "confirmed_by_hand"): 1}
        assert taken_about(engine, Decision.MISSING, gone).stand == {("planned", "ready"): 1}
        run(engine, Scripted(refusing, catalogue), NOW + HOUR)
        assert ("rejected", "platform_refused") in states(engine)
        assert whole(engine)

    def test_rows_of_an_account_that_is_not_configured_stay(self, engine) -> None:
        payments(engine, 1)
        run(engine, Scripted(refusing))
        with engine.begin() as connection:
            connection.exec_driver_sql("delete from plan_account")
        done = replay(engine, code="bad")
        assert (done.moved, states(engine)) == (0, {("rejected", "platform_refused"): 1})
        assert "not in the configuration" in done.chosen[0].barred

    def test_a_refused_correction_goes_again_with_a_later_time(self, database) -> None:
        engine = enable(database.engine, "google_ads")
        payments(engine, 1)
        run(engine, Scripted(taken, facts(**GOOGLE)))
        event(engine, "r1", EventKind.REFUND, HOUR / 2, net=-30, parent="pay0", left=70, refunded=30)
        rooms(engine, window=TINY)
        run(engine, Scripted(refusing, facts(**GOOGLE)))
        event(engine, "r2", EventKind.REFUND, HOUR / 3, net=-20, parent="pay0", left=50, refunded=50)
        rooms(engine, window=TINY)
        platform = Scripted(taken, facts(**GOOGLE))
        run(engine, platform)
        assert replay(engine, code="bad", catalogue=facts(**GOOGLE)).moved == 1
        run(engine, platform)
        times = [row.adjusted_at for request in platform.requests for row in request]
        assert times == sorted(set(times))
        [(held,)] = rows(engine, "select sum(book_minor)::int from conversion where state = 'settled'")
        assert held == 50

    def test_two_at_once_and_a_delivery_send_each_row_once_more(self, engine) -> None:
        payments(engine, 12)
        run(engine, Scripted(refusing))
        platform = Scripted(taken)
        work = [lambda: replay(engine, code="bad")] * 2 + [lambda: run(engine, platform)] * 2
        threads = [threading.Thread(target=job) for job in work]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        run(engine, platform)
        assert len(platform.sent) == len(set(platform.sent)) == 12
        assert rows(engine, "select count(*)::int from delivery_attempt where phase = 'operator'") == [(12,)]
        assert whole(engine)


class TestSettle:
    @pytest.fixture
    def doubtful(self, engine) -> Engine:
        payments(engine, 2)
        run(engine, Scripted(lambda _: LOST))
        assert states(engine) == {("unknown", "may_have_arrived"): 2}
        return engine

    def test_what_the_platform_shows_is_settled_by_hand(self, doubtful) -> None:
        name = vendor_ids(doubtful, "unknown")[0]
        assert taken_about(doubtful, Decision.FOUND, name).stand == {("settled", "confirmed_by_hand"): 1}
        platform = Scripted(taken)
        run(doubtful, platform)
        assert platform.sent == []
        assert taken_about(doubtful, Decision.MISSING, name).moved == 0
        assert whole(doubtful)

    def test_what_the_platform_does_not_have_is_sent_as_new(self, doubtful) -> None:
        name = vendor_ids(doubtful, "unknown")[0]
        done = taken_about(doubtful, Decision.MISSING, name, now=NOW + 3 * DAY)
        assert done.stand == {("planned", "ready"): 1}
        platform = Scripted(taken)
        run(doubtful, platform, NOW + 3 * DAY)
        assert platform.sent == [name]
        assert whole(doubtful)

    def test_corrections_follow_what_was_found(self, database) -> None:
        engine = enable(database.engine, "google_ads")
        payments(engine, 1)
        google = facts(**GOOGLE | {"dedup": DedupPromise.NONE})
        run(engine, Scripted(lambda _: LOST, google))
        event(engine, "back", EventKind.REFUND, HOUR / 2, net=-40, parent="pay0", left=60, refunded=40)
        rooms(engine, window=TINY)
        assert ledger(engine, "back")["google_ads"][:2] == ("planned", "waits_for_original")
        [name] = vendor_ids(engine, "unknown")
        taken_about(engine, Decision.FOUND, name, catalogue=google)
        platform = Scripted(taken, google)
        run(engine, platform)
        assert [row.value.minor for request in platform.requests for row in request if row.value] == [60]

    def test_of_a_name_in_no_doubt_it_is_said_how_it_stands(self, engine) -> None:
        payments(engine, 1)
        run(engine, Scripted(taken))
        [name] = vendor_ids(engine, "settled")
        choice = Choice(ids=(name, "cs_none"))
        with engine.connect() as connection:
            chosen = choose(connection, Decision.FOUND, choice, known(facts()))
            assert strangers(connection, choice, chosen) == {
                name: "settled (confirmed)",
                "cs_none": "nothing is called so",
            }

    def test_a_refused_row_is_not_settled_as_missing_without_a_doubt(self, engine) -> None:
        payments(engine, 1)
        run(engine, Scripted(refusing))
        [name] = vendor_ids(engine, "rejected")
        assert taken_about(engine, Decision.MISSING, name).chosen == []


def test_held_rows_are_let_go_by_the_code_their_account_was_refused_with(engine) -> None:
    payments(engine, 6)
    run(engine, Scripted(lambda _: SendResult(outcome=Outcome.HOLD, code="190")))
    assert states(engine) == {("held", "credential_or_configuration"): 6}
    assert taken_about(engine, Decision.RELEASED, code="190").stand == {("planned", "ready"): 6}
    assert whole(engine)


def test_a_row_held_so_that_nothing_counts_twice_is_not_let_go(engine) -> None:
    event(engine, "pay0", EventKind.FIRST_PAYMENT, HOUR, net=100, object_id="in_1")
    rooms(engine)
    run(engine, Scripted(taken))
    with engine.begin() as connection:
        connection.exec_driver_sql("update revenue_event set retired_at = now() where event_key = 'pay0'")
        connection.exec_driver_sql(
            "insert into plan_rule (platform, account, event_kind, action, value_rule) "
            "values ('meta', 'main', 'renewal', 'again', 'net_cash')"
        )
    event(engine, "pay1", EventKind.RENEWAL, HOUR, net=100, object_id="in_1")
    rooms(engine)
    assert ledger(engine, "pay1")["meta"][:2] == ("held", "reclassified")
    assert taken_about(engine, Decision.RELEASED, platform="meta").moved == 0
