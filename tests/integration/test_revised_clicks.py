"""A click row that says something else than before: its payments follow until they have left."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Engine

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
    [(conversion_id,)] = rows(engine, "select conversion_id from conversion where event_key = 'pay'")
    with engine.begin() as connection:
        sent = connection.execute(query("delivery/outbound"), {"conversion_ids": [conversion_id]}).one()
    assert (sent.landing_url, sent.user_agent, sent.ip_address, sent.ad_personalization) == (
        "https://shop.example/pricing",
        "Other/1.0",
        "192.0.2.7",
        "denied",
    )
