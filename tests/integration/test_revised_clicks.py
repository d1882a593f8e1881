"""A click row that says something else than before: its payments follow until they have left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, Row

from conversion_sync.attribution.attribute import attribute
from conversion_sync.attribution.identify import identify
from conversion_sync.model.click import ClickIdKind, Consent
from conversion_sync.model.revenue import EventKind
from conversion_sync.store.queries import query
from tests.integration.world import (
    CUSTOMER,
    DAY,
    HOUR,
    MODELS,
    NOW,
    TINY,
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

AD = click("c", DAY, ClickIdKind.FBCLID)


@pytest.fixture
def engine(database) -> Engine:
    """A payment a click of Meta earned, planned and not sent; one before the click, one of somebody else."""
    engine = database.engine
    configure(engine, "meta", rules=(("first_payment", "purchase"),))
    link(engine, "visitor", "v1", "customer", CUSTOMER)
    link(engine, "visitor", "v2", "customer", "stripe:main:cus_2")
    land(engine, AD, click("other", DAY, ClickIdKind.FBCLID, visitor="v2"))
    event(engine, "before", EventKind.FIRST_PAYMENT, 2 * DAY, net=1000)
    event(engine, "pay", EventKind.FIRST_PAYMENT, HOUR, net=1000)
    event(engine, "theirs", EventKind.FIRST_PAYMENT, HOUR, net=1000, customer="stripe:main:cus_2")
    rooms(engine, window=TINY)
    return engine


def stale(engine: Engine, room: str) -> list[str]:
    return [key for (key,) in rows(engine, "select key from dirty where room = :room order by 1", room=room)]


def owners(engine: Engine) -> list[str]:
    return [
        key for (key,) in rows(engine, "select customer_key from visitor_customer where visitor_id = 'v3'")
    ]


def planned(engine: Engine) -> tuple[str, str]:
    rooms(engine, window=TINY)
    return ledger(engine, "pay")["meta"][:2]


def test_consent_withdrawn_before_sending_keeps_the_conversion_back(engine) -> None:
    assert planned(engine) == ("planned", "ready")
    land(engine, replace(AD, ad_user_data=Consent.DENIED))
    assert planned(engine) == ("skipped", "no_consent")


def test_consent_given_before_sending_lets_the_conversion_go(engine) -> None:
    land(engine, replace(AD, ad_user_data=Consent.DENIED))
    assert planned(engine) == ("skipped", "no_consent")
    land(engine, AD)
    assert planned(engine) == ("planned", "ready")


def test_consent_withdrawn_after_the_conversion_left_changes_nothing(engine) -> None:
    set_state(engine, "pay", "settled")
    land(engine, replace(AD, ad_user_data=Consent.DENIED))
    assert planned(engine) == ("settled", "confirmed")


def test_only_the_payments_a_revised_click_can_matter_to_are_redone(engine) -> None:
    land(engine, replace(AD, ad_user_data=Consent.DENIED))
    identify(engine)
    assert stale(engine, "attribute") == ["pay"]
    attribute(engine, TINY, models=MODELS, half_life=7 * DAY)
    assert stale(engine, "plan") == ["pay"]


def test_what_is_only_sent_along_is_sent_as_revised_and_makes_no_payment_stale(engine) -> None:
    land(
        engine,
        replace(
            AD,
            landing_url="https://shop.example/pricing",
            user_agent="Other/1.0",
            ip_address="192.0.2.7",
            ad_personalization=Consent.DENIED,
        ),
    )
    identify(engine)
    assert stale(engine, "attribute") == []
    sent = as_sent(engine)
    assert (sent.landing_url, sent.user_agent, sent.ip_address, sent.ad_personalization) == (
        "https://shop.example/pricing",
        "Other/1.0",
        "192.0.2.7",
        "denied",
    )


def as_sent(engine: Engine) -> Row[Any]:
    """What a platform would be told of the payment now."""
    [(conversion_id, at)] = rows(
        engine, "select conversion_id, occurred_at from conversion where event_key = 'pay'"
    )
    keys = {"conversion_ids": conversion_id, "earliest": at, "latest": at}
    with engine.begin() as connection:
        return connection.execute(query("delivery/outbound"), keys).one()


def test_a_corrected_time_moves_the_click_even_to_another_month(engine) -> None:
    land(engine, replace(AD, clicked_at=NOW - 27 * DAY))
    rooms(engine, window=TINY)
    assert rows(engine, "select clicked_at from click where click_ref = 'c'") == [(NOW - 27 * DAY,)]
    assert rows(engine, "select event_key, clicked_at from conversion where click_ref = 'c' order by 1") == [
        ("before", NOW - 27 * DAY),
        ("pay", NOW - 27 * DAY),
    ]
    land(engine, replace(AD, clicked_at=NOW - 29 * DAY))
    assert planned(engine) == ("skipped", "click_too_old")


def test_a_row_in_doubt_is_read_with_the_click_of_today_though_its_time_was_corrected(engine) -> None:
    set_state(engine, "pay", "in_flight", "sent")
    land(engine, replace(AD, clicked_at=NOW - 2 * DAY, ad_user_data=Consent.DENIED))
    rooms(engine, window=TINY)
    sent = as_sent(engine)
    assert (sent.clicked_at, sent.other_click_ids, sent.ad_user_data) == (NOW - DAY, None, "denied")


def test_a_corrected_user_takes_the_browser_along(engine) -> None:
    link(engine, "user", "u1", "customer", CUSTOMER)
    link(engine, "user", "u2", "customer", "stripe:main:cus_2")
    browser = click("b", HOUR, ClickIdKind.FBCLID, visitor="v3", user="u1")
    land(engine, browser)
    rooms(engine, window=TINY)
    assert owners(engine) == [CUSTOMER]
    land(engine, replace(browser, user_id="u2"))
    rooms(engine, window=TINY)
    assert owners(engine) == ["stripe:main:cus_2"]
    land(engine, replace(browser, user_id=None))
    rooms(engine, window=TINY)
    assert owners(engine) == []


def test_evidence_that_another_row_still_gives_stays(engine) -> None:
    link(engine, "user", "u1", "customer", CUSTOMER)
    earlier, later = (click(f"b{ago}", ago, None, visitor="v3", user="u1") for ago in (DAY, HOUR))
    land(engine, earlier, later)
    land(engine, replace(later, user_id="u2"))
    assert rows(engine, "select to_id, linked_at from identity_link where from_id = 'v3' order by 1") == [
        ("u1", NOW - DAY),
        ("u2", NOW - HOUR),
    ]


def test_of_two_versions_in_one_page_the_last_counts(engine) -> None:
    land(engine, replace(AD, user_id="u9"), replace(AD, clicked_at=NOW - 3 * DAY))
    assert rows(engine, "select user_id, clicked_at from click where click_ref = 'c'") == [
        (None, NOW - 3 * DAY)
    ]
    assert rows(engine, "select 1 from identity_link where to_id = 'u9'") == []


def test_a_corrected_campaign_takes_its_credit_along(engine) -> None:
    land(engine, replace(AD, campaign="spring"))
    rooms(engine, window=TINY)
    assert rows(engine, "select distinct campaign from credit where event_key = 'pay'") == [("spring",)]
