"""Every event gets one row at every account, with one reason; rows that left never change."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from conversion_sync.delivery.plan import plan
from conversion_sync.model.click import ClickIdKind, Consent
from conversion_sync.model.conversion import REASONS, Reason
from conversion_sync.model.revenue import EventKind
from conversion_sync.store.queries import query
from tests.integration.world import (
    CUSTOMER,
    DAY,
    HOUR,
    NOW,
    click,
    configure,
    event,
    land,
    ledger,
    link,
    rooms,
    rows,
    set_state,
)

PURCHASE = (("first_payment", "purchase"), ("renewal", "renewal"))
BOTH = (ClickIdKind.GCLID, ClickIdKind.FBCLID)


@pytest.fixture
def engine(database) -> Engine:
    configure(database.engine, "google_ads", "meta", rules=PURCHASE)
    link(database.engine, "visitor", "v1", "customer", CUSTOMER)
    return database.engine


def clicked(engine: Engine, ago: timedelta = DAY, **options: object) -> None:
    land(engine, *(click(f"{kind}-{ago}", ago, kind, **options) for kind in BOTH))


def test_a_payment_goes_to_every_platform_that_was_touched(engine) -> None:
    clicked(engine)
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=1000, tax=190)
    rooms(engine)
    assert ledger(engine, "pay") == {
        "google_ads": ("planned", "ready", 1000),
        "meta": ("planned", "ready", 1000),
    }


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [
        (EventKind.RENEWAL, {"livemode": False}, "test_mode"),
        (EventKind.EXPANSION_PAYMENT, {}, "not_mapped"),
        (EventKind.CANCELLATION, {}, "not_mapped"),
        (EventKind.FIRST_PAYMENT, {"customer": None}, "no_customer"),
        (EventKind.FIRST_PAYMENT, {"net": 0}, "zero_value"),
        (EventKind.FIRST_PAYMENT, {"customer": "stripe:main:cus_unknown"}, "no_click"),
    ],
)
def test_what_is_not_sent_says_why(engine, kind, options, reason) -> None:
    clicked(engine)
    money = {"net": 1000} if kind is not EventKind.CANCELLATION else {}
    event(engine, "pay", kind, HOUR, **(money | options))
    rooms(engine)
    assert {outcome[:2] for outcome in ledger(engine, "pay").values()} == {("skipped", reason)}


def test_each_platform_judges_clicks_and_ages_by_its_own_windows(engine) -> None:
    clicked(engine, 60 * DAY)
    event(engine, "now", EventKind.FIRST_PAYMENT, HOUR, net=1000)
    event(engine, "old", EventKind.RENEWAL, 10 * DAY, net=1000)
    event(engine, "older", EventKind.RENEWAL, 40 * DAY, net=1000)
    rooms(engine)
    assert ledger(engine, "now")["google_ads"][:2] == ("planned", "ready")
    assert ledger(engine, "now")["meta"][:2] == ("skipped", "click_too_old")
    assert ledger(engine, "old")["meta"][:2] == ("skipped", "click_too_old")
    assert ledger(engine, "older")["meta"][:2] == ("skipped", "event_too_old")
    assert ledger(engine, "older")["google_ads"][:2] == ("planned", "ready")


def test_a_fresh_click_makes_google_wait_and_nobody_else(engine) -> None:
    clicked(engine, 2 * HOUR)
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=1000)
    rooms(engine)
    assert ledger(engine, "pay") == {
        "google_ads": ("planned", "waits_click_age", 1000),
        "meta": ("planned", "ready", 1000),
    }


def test_refused_consent_is_never_sent(engine) -> None:
    clicked(engine, consent=Consent.DENIED)
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=1000)
    rooms(engine)
    assert {outcome[:2] for outcome in ledger(engine, "pay").values()} == {("skipped", "no_consent")}


def test_a_partial_refund_before_sending_lowers_the_value(engine) -> None:
    clicked(engine)
    event(engine, "pay", EventKind.FIRST_PAYMENT, 2 * HOUR, net=1000)
    rooms(engine)
    event(engine, "back", EventKind.REFUND, HOUR, net=-300, parent="pay", left=700, refunded=300)
    rooms(engine)
    assert ledger(engine, "pay")["meta"] == ("planned", "ready", 700)
    assert ledger(engine, "back")["meta"][:2] == ("skipped", "netted_before_send")


def test_a_full_refund_before_sending_supersedes_the_conversion(engine) -> None:
    clicked(engine)
    event(engine, "pay", EventKind.FIRST_PAYMENT, 2 * HOUR, net=1000)
    event(engine, "back", EventKind.REFUND, HOUR, net=-1000, parent="pay", left=0, refunded=1000)
    rooms(engine)
    assert {outcome[:2] for outcome in ledger(engine, "pay").values()} == {
        ("superseded", "refunded_before_send")
    }
    assert {outcome[:2] for outcome in ledger(engine, "back").values()} == {("skipped", "netted_before_send")}


@pytest.mark.parametrize(
    ("left", "refunded", "verb", "value", "book"),
    [(700, 300, "restate", 700, -300), (0, 1000, "retract", None, -1000)],
)
def test_a_refund_after_settlement_corrects_what_google_holds(
    engine, left, refunded, verb, value, book
) -> None:
    clicked(engine)
    event(engine, "pay", EventKind.FIRST_PAYMENT, 2 * HOUR, net=1000)
    rooms(engine)
    set_state(engine, "pay", "settled")
    event(engine, "back", EventKind.REFUND, HOUR, net=-refunded, parent="pay", left=left, refunded=refunded)
    rooms(engine)
    assert rows(
        engine,
        "select verb, state, reason, value_minor, book_minor, "
        "vendor_id = (select vendor_id from conversion where event_key = 'pay' and platform = 'google_ads') "
        "from conversion where event_key = 'back' and platform = 'google_ads'",
    ) == [(verb, "planned", "ready", value, book, True)]
    assert ledger(engine, "back")["meta"][:2] == ("skipped", "refund_unsupported")


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("in_flight", ("planned", "waits_for_original")),
        ("accepted", ("planned", "waits_for_original")),
        ("unknown", ("planned", "waits_for_original")),
        ("rejected", ("skipped", "nothing_to_adjust")),
        ("skipped", ("skipped", "nothing_to_adjust")),
        ("settled", ("planned", "ready")),
    ],
)
def test_a_refund_waits_for_what_became_of_its_payment(engine, state, expected) -> None:
    clicked(engine)
    event(engine, "pay", EventKind.FIRST_PAYMENT, 2 * HOUR, net=1000)
    rooms(engine)
    if state == "skipped":
        with engine.begin() as connection:
            connection.execute(text("delete from plan_rule where platform = 'google_ads'"))
    else:
        set_state(engine, "pay", state)
    event(engine, "back", EventKind.REFUND, HOUR, net=-300, parent="pay", left=700, refunded=300)
    rooms(engine)
    assert ledger(engine, "back")["google_ads"][:2] == expected


def test_only_the_latest_of_several_refunds_goes_out(engine) -> None:
    clicked(engine)
    event(engine, "pay", EventKind.FIRST_PAYMENT, 3 * HOUR, net=1000)
    rooms(engine)
    set_state(engine, "pay", "settled")
    event(engine, "back1", EventKind.REFUND, 2 * HOUR, net=-300, parent="pay", left=700, refunded=300)
    event(engine, "back2", EventKind.REFUND, HOUR, net=-200, parent="pay", left=500, refunded=500)
    rooms(engine)
    assert ledger(engine, "back1")["google_ads"][:2] == ("skipped", "overtaken")
    assert ledger(engine, "back2")["google_ads"] == ("planned", "ready", 500)


def test_a_refund_confirmed_after_a_later_one_left_is_taken_off_too(engine) -> None:
    clicked(engine, 5 * DAY)
    event(engine, "pay", EventKind.FIRST_PAYMENT, 4 * DAY, net=1000)
    rooms(engine)
    set_state(engine, "pay", "settled")
    event(engine, "back2", EventKind.REFUND, HOUR, net=-200, parent="pay", left=800, refunded=200)
    rooms(engine)
    set_state(engine, "back2", "settled")
    event(engine, "back1", EventKind.REFUND, 2 * HOUR, net=-300, parent="pay", left=700, refunded=300)
    rooms(engine)
    assert ledger(engine, "back2")["google_ads"] == ("settled", "confirmed", 800)
    assert ledger(engine, "back1")["google_ads"] == ("planned", "ready", 500)


def test_each_correction_is_later_than_the_one_before(engine) -> None:
    clicked(engine)
    event(engine, "pay", EventKind.FIRST_PAYMENT, 3 * HOUR, net=1000)
    rooms(engine)
    set_state(engine, "pay", "settled")
    event(engine, "back1", EventKind.REFUND, HOUR, net=-300, parent="pay", left=700, refunded=300)
    rooms(engine)
    set_state(engine, "back1", "settled")
    event(engine, "back2", EventKind.REFUND, HOUR, net=-200, parent="pay", left=500, refunded=500)
    rooms(engine)
    [(first,), (second,)] = rows(
        engine,
        "select adjusted_at from conversion where kind = 'adjustment' and platform = 'google_ads' order by 1",
    )
    assert second == first + timedelta(seconds=1)
    assert rows(
        engine,
        "select sum(book_minor)::int from conversion "
        "where platform = 'google_ads' and state in ('settled', 'planned')",
    ) == [(500,)]


def test_a_retraction_is_final(engine) -> None:
    clicked(engine)
    event(engine, "pay", EventKind.FIRST_PAYMENT, 3 * HOUR, net=1000)
    rooms(engine)
    set_state(engine, "pay", "settled")
    event(engine, "back", EventKind.REFUND, 2 * HOUR, net=-1000, parent="pay", left=0, refunded=1000)
    rooms(engine)
    set_state(engine, "back", "settled")
    event(engine, "again", EventKind.REFUND_REVERSED, HOUR, net=1000, parent="pay", left=1000, refunded=0)
    rooms(engine)
    assert ledger(engine, "again")["google_ads"][:2] == ("skipped", "adjustment_final")


def test_a_refund_after_the_platforms_window_is_only_recorded(engine) -> None:
    clicked(engine, 70 * DAY)
    event(engine, "pay", EventKind.FIRST_PAYMENT, 60 * DAY, net=1000)
    rooms(engine, now=NOW - 59 * DAY)
    set_state(engine, "pay", "settled")
    event(engine, "back", EventKind.REFUND, HOUR, net=-300, parent="pay", left=700, refunded=300)
    rooms(engine)
    assert ledger(engine, "back")["google_ads"][:2] == ("skipped", "adjustment_too_old")


def test_a_refund_of_a_click_the_platform_cannot_correct_is_only_recorded(engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("update plan_account set final_click_kinds = '{wbraid}'"))
    land(engine, click("w", DAY, ClickIdKind.WBRAID))
    event(engine, "pay", EventKind.FIRST_PAYMENT, 2 * HOUR, net=1000)
    rooms(engine)
    set_state(engine, "pay", "settled")
    event(engine, "back", EventKind.REFUND, HOUR, net=-1000, parent="pay", left=0, refunded=1000)
    rooms(engine)
    assert ledger(engine, "back")["google_ads"][:2] == ("skipped", "refund_unsupported")


@pytest.mark.parametrize("state", ["in_flight", "accepted", "settled", "unknown", "rejected"])
def test_a_row_that_left_is_not_planned_again_whatever_changes(engine, state) -> None:
    clicked(engine)
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=1000)
    rooms(engine)
    set_state(engine, "pay", state, "sent")
    before = rows(engine, "select * from conversion order by conversion_id")
    with engine.begin() as connection:
        connection.execute(text("update plan_rule set action = 'other', value_rule = 'gross'"))
        connection.execute(text("update revenue_event set net_minor = 500, gross_minor = 500"))
    land(engine, click("later", 2 * HOUR, ClickIdKind.GCLID))
    rooms(engine)
    assert rows(engine, "select * from conversion order by conversion_id") == before


def test_a_changed_mapping_moves_a_row_that_did_not_leave(engine) -> None:
    clicked(engine)
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=1000)
    rooms(engine)
    with engine.begin() as connection:
        connection.execute(text("update plan_rule set action = 'sale' where platform = 'meta'"))
    rooms(engine)
    assert rows(
        engine,
        "select action, state, reason from conversion where platform = 'meta' order by action",
    ) == [("purchase", "superseded", "replanned"), ("sale", "planned", "ready")]


def test_an_object_sent_as_another_kind_waits_for_a_human(engine) -> None:
    clicked(engine)
    event(engine, "as_first", EventKind.FIRST_PAYMENT, HOUR, net=1000, object_id="in_1")
    rooms(engine)
    set_state(engine, "as_first", "settled")
    with engine.begin() as connection:
        connection.execute(text("update revenue_event set retired_at = now() where event_key = 'as_first'"))
    event(engine, "as_renewal", EventKind.RENEWAL, HOUR, net=1000, object_id="in_1")
    rooms(engine)
    assert {outcome[:2] for outcome in ledger(engine, "as_renewal").values()} == {("held", "reclassified")}


def test_nothing_leaves_before_the_past_of_its_account_is_known(engine) -> None:
    clicked(engine)
    key = {"provider": "stripe", "account": "main"}
    with engine.begin() as connection:
        connection.execute(query("history/open_history"), {**key, "read_from": NOW - 9 * DAY, "before": NOW})
    event(engine, "stripe:main:pay", EventKind.FIRST_PAYMENT, HOUR, net=1000)
    event(engine, "stripe:main:end", EventKind.CANCELLATION, HOUR)
    rooms(engine)
    held, unmapped = ledger(engine, "stripe:main:pay"), ledger(engine, "stripe:main:end")
    assert {outcome[:2] for outcome in held.values()} == {("held", "history_incomplete")}
    assert {outcome[:2] for outcome in unmapped.values()} == {("skipped", "not_mapped")}
    with engine.begin() as connection:
        connection.execute(query("history/complete_history"), {**key, "now": NOW, "prefix": "stripe:main:"})
    plan(engine, None, NOW)
    assert {outcome[:2] for outcome in ledger(engine, "stripe:main:pay").values()} == {("planned", "ready")}


def test_planning_twice_changes_nothing(engine) -> None:
    clicked(engine)
    event(engine, "pay", EventKind.FIRST_PAYMENT, 2 * HOUR, net=1000)
    event(engine, "back", EventKind.REFUND, HOUR, net=-300, parent="pay", left=700, refunded=300)
    rooms(engine)
    before = rows(engine, "select * from conversion order by conversion_id")
    rooms(engine)
    assert rows(engine, "select * from conversion order by conversion_id") == before


@pytest.mark.parametrize(
    ("value_rule", "extra", "value"),
    [
        ("gross", "", 1190),
        ("multiple", ", factor = 2.5", 2500),
        ("fixed", ", fixed_minor = 5000000, fixed_currency = 'EUR', fixed_exponent = 6", 5000000),
    ],
)
def test_value_rules(engine, value_rule, extra, value) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"update plan_rule set value_rule = '{value_rule}'{extra}"))
    clicked(engine)
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=1000, tax=190)
    rooms(engine)
    assert ledger(engine, "pay")["meta"][2] == value


def test_the_reasons_of_the_queries_are_the_vocabularys() -> None:
    assert set(REASONS) == set(Reason)
