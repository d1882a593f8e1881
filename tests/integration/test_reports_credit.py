"""Who earned the money, by every model: each column is what billing says."""

from __future__ import annotations

from datetime import timedelta

from conversion_sync.model.click import ClickIdKind
from conversion_sync.model.revenue import EventKind
from conversion_sync.reports.credit import credit_by_network
from tests.integration.world import (
    CUSTOMER,
    DAY,
    HOUR,
    MODELS,
    NOW,
    click,
    configure,
    event,
    land,
    link,
    rooms,
)

PURCHASE = (("first_payment", "purchase"),)


def test_every_models_column_adds_up_to_the_net_with_what_no_click_led_to(database) -> None:
    engine = database.engine
    configure(engine, "google_ads", "meta", rules=PURCHASE)
    land(
        engine,
        click("google", 3 * DAY, ClickIdKind.GCLID),
        click("meta", DAY, ClickIdKind.FBCLID),
    )
    link(engine, "visitor", "v1", "customer", CUSTOMER)
    event(engine, "paid", EventKind.FIRST_PAYMENT, timedelta(), net=1001)
    event(engine, "nobody's", EventKind.FIRST_PAYMENT, timedelta(), net=500, customer="stripe:main:cus_2")
    event(engine, "test", EventKind.FIRST_PAYMENT, timedelta(), net=700, livemode=False)
    rooms(engine)
    table = credit_by_network(engine, MODELS, NOW - HOUR, NOW + HOUR)
    assert list(table.columns) == list(MODELS)
    assert [str(kind) for kind in table.dtypes] == ["int64"] * len(MODELS)
    assert table.loc["USD", 2].to_dict("index") == {
        "google": {"last_non_direct": 0, "linear": 501, "position_based": 501, "time_decay": 451},
        "meta": {"last_non_direct": 1001, "linear": 500, "position_based": 500, "time_decay": 550},
        "none": dict.fromkeys(MODELS, 500),
    }


def test_nothing_billed_is_an_empty_table(database) -> None:
    table = credit_by_network(database.engine, MODELS)
    assert table.empty
    assert list(table.columns) == list(MODELS)
