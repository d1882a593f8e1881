"""Corrections on the ledger and at Google: what is held there equals what billing says was kept.

Source: specs/google_ads.md §3.2 to §3.4.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from conversion_sync.model.click import ClickIdKind
from conversion_sync.model.revenue import EventKind
from conversion_sync.reports.reconciliation import reconcile
from tests.conftest import Database
from tests.integration.google_ads.account import Google, ended, send
from tests.integration.scripted import payments, states
from tests.integration.world import (
    CUSTOMER,
    DAY,
    HOUR,
    NOW,
    TINY,
    by_force,
    click,
    configure,
    event,
    land,
    ledger,
    link,
    rooms,
    rows,
)

ROUTES = ("data_manager", "click_upload")


@pytest.fixture(params=ROUTES)
def route(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def refund(engine: Engine, key: str, net: int, left: int, minutes_ago: float = 30) -> None:
    ago = timedelta(minutes=minutes_ago)
    event(engine, key, EventKind.REFUND, ago, net=-net, parent="pay0", left=left, refunded=100 - left)
    rooms(engine, window=TINY)


def settle(engine: Engine, vendor: Google, route: str) -> None:
    """Everything due leaves, and Google has confirmed it."""
    send(engine, vendor.adapter(route))
    with engine.begin() as connection:
        connection.execute(text("update settlement_poll set next_poll_at = '2020-01-01'"))
    send(engine, vendor.adapter(route))


def booked(vendor: Google) -> dict[str, Any]:
    [entry] = vendor.vendors.books.dump()
    return entry


def even(engine: Engine) -> bool:
    return all(line.residual_minor == 0 for line in reconcile(engine))


def test_a_part_given_back_is_restated_to_what_is_kept(engine: Engine, vendor: Google, route: str) -> None:
    payments(engine, 1)
    settle(engine, vendor, route)
    refund(engine, "r1", 30, 70)
    send(engine, vendor.adapter(route))
    entry = booked(vendor)
    assert (entry["total"], entry["counts"], entry["terminal"]) == ("0.7", 1, False)
    assert even(engine)


def test_all_given_back_is_retracted_and_never_restated_to_nothing(
    engine: Engine, vendor: Google, route: str
) -> None:
    payments(engine, 1)
    settle(engine, vendor, route)
    refund(engine, "r1", 100, 0)
    send(engine, vendor.adapter(route))
    entry = booked(vendor)
    assert (entry["retracted"], entry["counts"], entry["total"]) == (True, 0, "0")
    assert [told["value"] for told in entry["adjustments"]] == [None]
    assert even(engine)


def test_corrections_of_one_second_leave_with_times_that_grow(
    engine: Engine, vendor: Google, route: str
) -> None:
    payments(engine, 1)
    settle(engine, vendor, route)
    for key, net, left in (("r1", 10, 90), ("r2", 20, 70), ("r3", 70, 0)):
        refund(engine, key, net, left)
        send(engine, vendor.adapter(route))
    entry = booked(vendor)
    told = entry["adjustments"]
    times = [each["at"] for each in told]
    assert [each["outcome"] for each in told] == ["applied"] * 3
    assert times == sorted(set(times))
    assert [each["value"] for each in told] == ["0.9", "0.7", None]
    assert (entry["counts"], even(engine)) == (0, True)


def test_a_correction_waits_until_google_has_confirmed_its_conversion(engine: Engine, vendor: Google) -> None:
    payments(engine, 1)
    send(engine, vendor.adapter("data_manager"))
    refund(engine, "r1", 30, 70)
    send(engine, vendor.adapter("data_manager"))
    assert ledger(engine, "r1")["google_ads"][:2] == ("planned", "waits_for_original")
    assert booked(vendor)["adjustments"] == []
    settle(engine, vendor, "data_manager")
    assert booked(vendor)["total"] == "0.7"


def test_a_correction_leaves_in_the_delivery_that_uploaded_its_conversion(
    engine: Engine, vendor: Google
) -> None:
    payments(engine, 1)
    vendor.go_wrong("google_ads", times=1, grpc_status="UNAVAILABLE")
    send(engine, vendor.adapter("click_upload"))
    refund(engine, "r1", 30, 70)
    send(engine, vendor.adapter("click_upload"), NOW + HOUR)
    assert booked(vendor)["total"] == "0.7"
    assert even(engine)


def test_a_correction_google_does_not_find_yet_is_tried_for_two_days(engine: Engine, vendor: Google) -> None:
    payments(engine, 1)
    settle(engine, vendor, "click_upload")
    refund(engine, "r1", 30, 70)
    not_found = [{"index": 0, "error": "conversion_adjustment_upload_error.CONVERSION_NOT_FOUND"}]
    vendor.go_wrong("google_ads", "Adjustments", row_errors=not_found)
    for hours in (0, 24, 47):
        vendor.vendors.clock.freeze(NOW + hours * HOUR)
        send(engine, vendor.adapter("click_upload"), NOW + hours * HOUR)
        assert ledger(engine, "r1")["google_ads"][:2] == ("planned", "waits_retry")
    send(engine, vendor.adapter("click_upload"), NOW + 49 * HOUR)
    assert ledger(engine, "r1")["google_ads"][:2] == ("rejected", "needs_review")


def test_a_conversion_too_recent_to_correct_is_tried_again_a_day_later(
    engine: Engine, vendor: Google
) -> None:
    payments(engine, 1)
    settle(engine, vendor, "click_upload")
    refund(engine, "r1", 30, 70)
    fresh = [{"index": 0, "error": "conversion_adjustment_upload_error.TOO_RECENT_CONVERSION"}]
    vendor.go_wrong("google_ads", "Adjustments", times=1, row_errors=fresh)
    send(engine, vendor.adapter("click_upload"))
    [(again_at,)] = rows(engine, "select not_before from conversion where kind = 'adjustment'")
    assert again_at == NOW + DAY
    send(engine, vendor.adapter("click_upload"), NOW + 23 * HOUR)
    assert booked(vendor)["adjustments"] == []
    send(engine, vendor.adapter("click_upload"), NOW + 25 * HOUR)
    assert booked(vendor)["total"] == "0.7"


def test_a_correction_sent_twice_is_a_correction_made(engine: Engine, vendor: Google) -> None:
    payments(engine, 1)
    settle(engine, vendor, "click_upload")
    refund(engine, "r1", 30, 70)
    vendor.go_wrong("google_ads", "Adjustments", times=1, drop_reply=True)
    send(engine, vendor.adapter("click_upload"))
    send(engine, vendor.adapter("click_upload"), NOW + HOUR)
    assert ended(engine, "adjustment")["r1"] == (
        "settled",
        "confirmed",
        "conversion_adjustment_upload_error.RESTATEMENT_ALREADY_EXISTS",
    )
    assert (len(booked(vendor)["adjustments"]), booked(vendor)["total"]) == (1, "0.7")


def test_a_conversion_of_a_wbraid_is_left_as_it_is(database: Database, vendor: Google) -> None:
    engine = database.engine
    configure(engine, "google_ads", rules=(("first_payment", "purchase"),))
    with engine.begin() as connection:
        connection.execute(text("update plan_account set final_click_kinds = '{wbraid}'"))
    link(engine, "visitor", "v1", "customer", CUSTOMER)
    land(engine, click("c", DAY, ClickIdKind.WBRAID, click_id="w" * 24))
    payments(engine, 1)
    with engine.begin() as connection:
        by_force(connection)
        connection.execute(text("update conversion set state = 'settled', reason = 'confirmed'"))
    refund(engine, "r1", 30, 70)
    assert ledger(engine, "r1")["google_ads"][:2] == ("skipped", "refund_unsupported")


def test_a_refund_before_the_upload_takes_its_part_off(engine: Engine, vendor: Google, route: str) -> None:
    payments(engine, 1)
    refund(engine, "r1", 30, 70)
    settle(engine, vendor, route)
    assert (booked(vendor)["first_value"], booked(vendor)["adjustments"]) == ("0.7", [])
    assert states(engine)[("settled", "confirmed")] == 1
