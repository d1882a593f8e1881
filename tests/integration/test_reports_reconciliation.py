"""Billing is what platforms hold plus what the reasons explain; whatever breaks that shows as a residual."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from conversion_sync.model.click import ClickIdKind
from conversion_sync.model.revenue import EventKind
from conversion_sync.reports.reconciliation import NotHeld, Reconciliation, reconcile
from tests.integration.world import (
    CUSTOMER,
    DAY,
    HOUR,
    NOW,
    by_force,
    click,
    configure,
    event,
    land,
    link,
    rooms,
    set_state,
)

PURCHASE = (("first_payment", "purchase"), ("renewal", "renewal"))


def world(engine: Engine, value_rule: str = "net_cash") -> None:
    configure(engine, "google_ads", "meta", rules=PURCHASE, value_rule=value_rule)
    link(engine, "visitor", "v1", "customer", CUSTOMER)
    land(engine, click("g", 2 * DAY, ClickIdKind.GCLID), click("m", 2 * DAY, ClickIdKind.FBCLID))


def pay(engine: Engine, key: str = "pay", net: int = 1000, **options: object) -> None:
    event(engine, key, EventKind.FIRST_PAYMENT, 5 * HOUR, net=net, tax=190, **options)


def refund(engine: Engine, key: str, net: int, left: int, ago: timedelta = HOUR, parent: str = "pay") -> None:
    event(engine, key, EventKind.REFUND, ago, net=net, parent=parent, left=left, refunded=1000 - left)


def execute(engine: Engine, statement: str, **values: object) -> None:
    with engine.begin() as connection:
        by_force(connection)
        connection.execute(text(statement), values)


def of(engine: Engine, platform: str, currency: str = "USD") -> Reconciliation:
    return next(line for line in reconcile(engine) if (line.platform, line.currency) == (platform, currency))


def residuals(engine: Engine) -> dict[tuple[str, str], int]:
    return {(line.platform, line.currency): line.residual_minor for line in reconcile(engine)}


def test_what_a_platform_holds_and_what_it_does_not_add_up_to_billing(database) -> None:
    engine = database.engine
    world(engine)
    pay(engine)
    event(engine, "up", EventKind.EXPANSION_PAYMENT, 4 * HOUR, net=500)
    pay(engine, "yen", 70000, currency="JPY")
    rooms(engine)
    set_state(engine, "pay", "settled")
    assert reconcile(engine)[:2] == [
        Reconciliation(
            platform="google_ads",
            account="main",
            currency="JPY",
            exponent=0,
            billing_minor=70000,
            not_held=(NotHeld(state="planned", reason="ready", entries=1, minor=70000),),
        ),
        Reconciliation(
            platform="google_ads",
            account="main",
            currency="USD",
            exponent=2,
            billing_minor=1500,
            held_minor=1000,
            held_entries=1,
            not_held=(NotHeld(state="skipped", reason="not_mapped", entries=1, minor=500),),
        ),
    ]
    assert set(residuals(engine).values()) == {0}


def test_test_mode_and_facts_without_money_are_no_part_of_it(database) -> None:
    engine = database.engine
    world(engine)
    pay(engine, livemode=False)
    event(engine, "trial", EventKind.TRIAL_STARTED, 5 * HOUR)
    rooms(engine)
    assert reconcile(engine) == []


@pytest.mark.parametrize(
    ("rule", "told", "difference"), [("net_cash", 1000, 0), ("gross", 1190, -190), ("multiple", 2500, -1500)]
)
def test_a_value_rule_is_a_difference_with_a_name(database, rule: str, told: int, difference: int) -> None:
    engine = database.engine
    world(engine, rule)
    execute(engine, "update plan_rule set factor = 2.5 where value_rule = 'multiple'")
    pay(engine)
    rooms(engine)
    set_state(engine, "pay", "settled")
    line = of(engine, "google_ads")
    assert (line.held_minor, line.value_rule_minor, line.residual_minor) == (told, difference, 0)


@pytest.mark.parametrize(
    ("rule", "held", "value_rule"), [("net_cash", 1000, 0), ("gross", 1190, -190), ("multiple", 2500, -1500)]
)
def test_a_payment_billing_revised_after_it_was_sent_is_no_value_rules_doing(
    database, rule: str, held: int, value_rule: int
) -> None:
    engine = database.engine
    world(engine, rule)
    execute(engine, "update plan_rule set factor = 2.5 where value_rule = 'multiple'")
    pay(engine)
    rooms(engine)
    set_state(engine, "pay", "settled")
    execute(
        engine,
        "update revenue_event set net_minor = 1500, gross_minor = 1690, revision = 2 where event_key = 'pay'",
    )
    rooms(engine)
    line = of(engine, "google_ads")
    assert (line.billing_minor, line.held_minor, line.value_rule_minor) == (1500, held, value_rule)
    assert (line.revised_minor, line.not_held, line.residual_minor) == (500, (), 0)


def test_a_correction_after_a_revision_brings_the_platform_up_to_date(database) -> None:
    engine = database.engine
    world(engine)
    pay(engine)
    rooms(engine)
    set_state(engine, "pay", "settled")
    execute(
        engine,
        "update revenue_event set net_minor = 1500, gross_minor = 1690, revision = 2 where event_key = 'pay'",
    )
    refund(engine, "ref", -200, 1300)
    rooms(engine)
    set_state_of_sent(engine, "ref")
    line = of(engine, "google_ads")
    assert (line.billing_minor, line.held_minor) == (1300, 1300)
    assert (line.value_rule_minor, line.revised_minor, line.residual_minor) == (0, 0, 0)


def test_a_fixed_value_in_another_unit_is_wholly_the_value_rules(database) -> None:
    engine = database.engine
    world(engine)
    execute(
        engine,
        "update plan_rule set value_rule = 'fixed', fixed_minor = 25000000, fixed_currency = 'USD', "
        "fixed_exponent = 6",
    )
    pay(engine)
    rooms(engine)
    set_state(engine, "pay", "settled")
    line = of(engine, "google_ads")
    assert (line.held_minor, line.value_rule_minor, line.residual_minor) == (0, 1000, 0)


def test_a_refund_taken_off_before_sending_is_no_difference(database) -> None:
    engine = database.engine
    world(engine)
    pay(engine)
    refund(engine, "ref", -300, 700)
    rooms(engine)
    execute(engine, "update conversion set state = 'settled', reason = 'confirmed' where event_key = 'pay'")
    for platform in ("google_ads", "meta"):
        line = of(engine, platform)
        assert (line.billing_minor, line.held_minor, line.value_rule_minor) == (700, 700, 0)
        assert (line.revised_minor, line.not_held, line.residual_minor) == (0, (), 0)


def test_a_restated_conversion_holds_what_is_left_and_an_unsupported_refund_stays_visible(database) -> None:
    engine = database.engine
    world(engine)
    pay(engine)
    rooms(engine)
    set_state(engine, "pay", "settled")
    refund(engine, "first", -100, 900, 3 * HOUR)
    refund(engine, "second", -200, 700, HOUR)
    rooms(engine)
    set_state_of_sent(engine, "second")
    google = of(engine, "google_ads")
    assert (google.billing_minor, google.held_minor, google.value_rule_minor) == (700, 700, 0)
    assert (google.not_held, google.residual_minor) == ((), 0)
    meta = of(engine, "meta")
    assert (meta.held_minor, meta.residual_minor) == (1000, 0)
    assert {(group.reason, group.minor) for group in meta.not_held} == {
        ("overtaken", -100),
        ("refund_unsupported", -200),
    }


def set_state_of_sent(engine: Engine, key: str) -> None:
    execute(
        engine,
        "update conversion set state = 'settled', reason = 'confirmed' "
        "where event_key = :key and state = 'planned'",
        key=key,
    )


def test_a_fact_that_billing_took_back_after_it_was_sent_has_a_name(database) -> None:
    engine = database.engine
    world(engine)
    pay(engine)
    rooms(engine)
    set_state(engine, "pay", "settled")
    execute(engine, "update revenue_event set retired_at = now() where event_key = 'pay'")
    line = of(engine, "google_ads")
    assert (line.billing_minor, line.held_minor, line.retired_minor, line.residual_minor) == (
        0,
        1000,
        -1000,
        0,
    )


@pytest.mark.parametrize(
    ("tampering", "residual"),
    [
        ("delete from conversion where event_key = 'pay'", 1000),
        ("update conversion set book_minor = book_minor - 1", 1),
        ("update conversion set book_minor = 0", 1000),
        ("update conversion set reason = 'replanned', state = 'superseded'", 1000),
    ],
)
def test_tampering_leaves_a_residual(database, tampering: str, residual: int) -> None:
    engine = database.engine
    world(engine)
    pay(engine)
    rooms(engine)
    set_state(engine, "pay", "settled")
    execute(engine, tampering)
    assert residuals(engine) == {("google_ads", "USD"): residual, ("meta", "USD"): residual}


def test_a_window_counts_its_own_events_only(database) -> None:
    engine = database.engine
    world(engine)
    pay(engine)
    event(engine, "later", EventKind.RENEWAL, HOUR, net=10)
    rooms(engine)
    lines = reconcile(engine, NOW - 2 * HOUR, NOW)
    assert [(line.billing_minor, line.residual_minor) for line in lines] == [(10, 0), (10, 0)]


def test_balance_given_to_a_customer_moves_no_cash(database) -> None:
    engine = database.engine
    world(engine)
    pay(engine)
    rooms(engine)
    before = of(engine, "google_ads")
    event(engine, "balance", EventKind.CREDIT, HOUR, net=-400)
    rooms(engine)
    assert of(engine, "google_ads") == before
