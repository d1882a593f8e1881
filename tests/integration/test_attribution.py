"""Who earned what: windows, ties and credit to the minor unit; increments equal one full recomputation."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from conversion_sync.model.click import ClickIdKind
from conversion_sync.model.revenue import EventKind
from tests.integration.world import (
    CUSTOMER,
    DAY,
    HOUR,
    MODELS,
    TINY,
    click,
    configure,
    event,
    land,
    link,
    rooms,
    rows,
)

DERIVED = ("visitor_customer", "touch", "attributed_click", "credit")


@pytest.fixture
def engine(database) -> Engine:
    configure(database.engine, "google_ads", "meta", rules=(("first_payment", "purchase"),))
    return database.engine


def mine(engine: Engine) -> None:
    link(engine, "visitor", "v1", "customer", CUSTOMER)


def credits_of(engine: Engine, model: str, key: str = "pay") -> list[int]:
    return [
        credit
        for (credit,) in rows(
            engine,
            "select credit_minor from credit where model = :model and event_key = :key order by position",
            model=model,
            key=key,
        )
    ]


def test_the_last_click_of_each_platform_in_its_own_window_is_sent(engine) -> None:
    mine(engine)
    land(
        engine,
        click("g-old", 80 * DAY),
        click("g-new", 40 * DAY),
        click("f-outside", 29 * DAY, ClickIdKind.FBCLID),
        click("direct", DAY, None),
    )
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=1000)
    rooms(engine)
    assert rows(
        engine,
        "select platform, touches, click_ref, click_id, last_outside_at is not null "
        "from attributed_click order by platform",
    ) == [("google_ads", 2, "g-new", "id-g-new", False), ("meta", 0, None, None, True)]


def test_a_click_after_the_payment_never_counts_and_one_at_the_same_moment_does(engine) -> None:
    mine(engine)
    land(engine, click("same", HOUR), click("after", HOUR - timedelta(seconds=1)))
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=1000)
    rooms(engine)
    assert rows(engine, "select click_ref from attributed_click") == [("same",)]


def test_a_click_captured_twice_counts_once_at_its_first_time(engine) -> None:
    mine(engine)
    land(
        engine,
        click("first", 3 * DAY, click_id="same"),
        click("reload", 2 * DAY, click_id="same"),
        click("other", 5 * DAY),
    )
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=1000)
    rooms(engine)
    assert rows(engine, "select touches, click_ref from attributed_click") == [(2, "first")]
    assert credits_of(engine, "linear") == [500, 500]


@pytest.mark.parametrize(
    ("touches", "net", "expected"),
    [
        (1, 1000, {"linear": [1000], "position_based": [1000]}),
        (2, 1001, {"linear": [501, 500], "position_based": [501, 500]}),
        (3, 100, {"linear": [34, 33, 33], "position_based": [40, 20, 40]}),
        (4, 1001, {"linear": [251, 250, 250, 250], "position_based": [401, 100, 100, 400]}),
        (3, -100, {"linear": [-34, -33, -33], "position_based": [-40, -20, -40]}),
        (7, 1, {"linear": [1, 0, 0, 0, 0, 0, 0], "position_based": [1, 0, 0, 0, 0, 0, 0]}),
    ],
)
def test_credit_is_shared_exactly_with_the_left_over_to_the_largest_remainder(
    engine, touches, net, expected
) -> None:
    mine(engine)
    land(engine, *(click(f"c{place}", (20 - place) * DAY) for place in range(touches)))
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=net)
    rooms(engine)
    assert {model: credits_of(engine, model) for model in expected} == expected


def test_last_non_direct_looks_past_direct_visits_unless_there_is_nothing_else(engine) -> None:
    mine(engine)
    land(engine, click("ad", 3 * DAY), click("direct", 2 * DAY, None))
    land(engine, click("only", 2 * DAY, None, visitor="v2"))
    link(engine, "visitor", "v2", "customer", "stripe:main:cus_2")
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=1000)
    event(engine, "pay2", EventKind.FIRST_PAYMENT, HOUR, net=1000, customer="stripe:main:cus_2")
    rooms(engine)
    assert rows(
        engine,
        "select event_key, click_ref, credit_minor from credit where model = 'last_non_direct' order by 1",
    ) == [("pay", "ad", 1000), ("pay2", "only", 1000)]


def test_time_decay_halves_with_each_half_life(engine) -> None:
    mine(engine)
    land(engine, click("week", 7 * DAY + HOUR), click("now", HOUR))
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=900)
    rooms(engine)
    assert credits_of(engine, "time_decay") == [300, 600]


def test_a_refund_takes_credit_back_along_its_payments_path(engine) -> None:
    mine(engine)
    land(engine, click("before", 3 * DAY), click("between", 90 * timedelta(minutes=1)))
    event(engine, "pay", EventKind.FIRST_PAYMENT, DAY, net=1000)
    event(engine, "back", EventKind.REFUND, HOUR, net=-1000, parent="pay", left=0, refunded=1000)
    rooms(engine)
    for model in MODELS:
        assert credits_of(engine, model) == [1000]
        assert credits_of(engine, model, "back") == [-1000]


def test_a_later_link_of_a_browser_wins_and_moves_its_touches(engine) -> None:
    land(engine, click("c", DAY, user="u1"))
    link(engine, "user", "u1", "customer", CUSTOMER)
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=1000)
    event(engine, "pay2", EventKind.FIRST_PAYMENT, HOUR, net=1000, customer="stripe:main:cus_2")
    rooms(engine)
    assert rows(engine, "select distinct event_key from credit") == [("pay",)]
    link(engine, "user", "u2", "customer", "stripe:main:cus_2")
    link(engine, "visitor", "v1", "user", "u2", ago=HOUR)
    rooms(engine)
    assert rows(engine, "select distinct event_key from credit") == [("pay2",)]


def test_a_link_that_arrives_after_the_payment_brings_its_clicks(engine) -> None:
    land(engine, click("c", DAY))
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=1000)
    rooms(engine)
    assert rows(engine, "select reason from conversion where platform = 'google_ads'") == [("no_click",)]
    mine(engine)
    rooms(engine)
    assert rows(engine, "select reason from conversion where platform = 'google_ads'") == [("ready",)]


FACTS = st.lists(
    st.one_of(
        st.tuples(
            st.just("click"),
            st.integers(0, 11),
            st.sampled_from([None, ClickIdKind.GCLID, ClickIdKind.FBCLID]),
            st.integers(1, 2000),
            st.sampled_from(["v1", "v2", "v3"]),
            st.sampled_from([None, "u1", "u2"]),
        ),
        st.tuples(
            st.just("link"),
            st.sampled_from(
                [
                    ("visitor", "v1", "customer", CUSTOMER),
                    ("visitor", "v2", "customer", "stripe:main:cus_2"),
                    ("visitor", "v3", "user", "u1"),
                    ("visitor", "v3", "user", "u2"),
                    ("user", "u1", "customer", CUSTOMER),
                    ("user", "u2", "customer", "stripe:main:cus_2"),
                    ("user", "u1", "customer", "stripe:main:cus_2"),
                ]
            ),
            st.integers(1, 100),
        ),
        st.tuples(
            st.just("payment"),
            st.integers(0, 5),
            st.sampled_from([CUSTOMER, "stripe:main:cus_2"]),
            st.integers(1, 1500),
            st.integers(1, 99999),
        ),
        st.just(("rooms",)),
    ),
    max_size=14,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(FACTS)
def test_increments_in_any_order_equal_one_full_recomputation(engine, facts) -> None:
    empty(engine)
    for fact in facts:
        tell(engine, fact)
    rooms(engine, window=TINY)
    increments = derived(engine)
    with engine.begin() as connection:
        for table in DERIVED:
            connection.execute(text(f"delete from {table}"))
        connection.execute(
            text(
                "insert into dirty select 'identify', visitor_id from click union "
                "select 'identify', from_id from identity_link where from_end = 'visitor' union "
                "select 'attribute', event_key from revenue_event"
            )
        )
    rooms(engine, window=TINY)
    assert derived(engine) == increments
    assert rows(
        engine,
        "select count(*) from (select event_key, model, sum(credit_minor) as given from credit "
        "group by event_key, model) shared join revenue_event using (event_key) where given <> net_minor",
    ) == [(0,)]


def tell(engine: Engine, fact: tuple) -> None:
    match fact:
        case ("click", number, kind, hours, visitor, user):
            land(engine, click(f"c{number}", hours * HOUR, kind, visitor=visitor, user=user))
        case ("link", ends, hours):
            if not rows(
                engine,
                "select 1 from identity_link where (from_end, from_id, to_end, to_id) = (:a, :b, :c, :d)",
                a=ends[0],
                b=ends[1],
                c=ends[2],
                d=ends[3],
            ):
                link(engine, *ends, ago=hours * HOUR)
        case ("payment", number, customer, hours, net):
            if not rows(engine, "select 1 from revenue_event where event_key = :key", key=f"pay{number}"):
                event(
                    engine,
                    f"pay{number}",
                    EventKind.FIRST_PAYMENT,
                    hours * HOUR,
                    net=net,
                    customer=customer,
                )
        case ("rooms",):
            rooms(engine, window=TINY)


def empty(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "truncate click, click_time, identity_link, revenue_event, dirty, conversion, "
                + ", ".join(DERIVED)
            )
        )


def derived(engine: Engine) -> dict[str, list[tuple]]:
    return {table: sorted(rows(engine, f"select {table}::text from {table}")) for table in DERIVED}
