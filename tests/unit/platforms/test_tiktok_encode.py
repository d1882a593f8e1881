"""Ledger rows as TikTok takes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from conversion_sync.model.conversion import ConversionKind, Outbound, Verb
from conversion_sync.model.money import Money
from conversion_sync.platforms.tiktok.encode import event, invalid, request, ttclid
from tests.unit.platforms.rows import facts, row

PAGE = "https://shop.example/thanks?email=jane@example.com&name=Jane#top"
CLICK = "E.C.P.CkQKBExqEqr-xY_z"


def purchase(**changes: Any) -> Outbound:
    return row(**{"target": {"event": "Purchase"}, "click_id_kind": "ttclid", "click_id": CLICK, **changes})


SPARSE = {
    "event": "Purchase",
    "event_time": 1795080615,
    "event_id": "cs_0123456789abcdef0123456789abcdef",
    "user": {"ttclid": "E.C.P.CkQKBExqEqr-xY_z"},
    "properties": {"currency": "USD", "value": 19.99},
}
WITHOUT_VALUE = {name: value for name, value in SPARSE.items() if name != "properties"}
FULL = {
    **SPARSE,
    "user": {
        "ttclid": "E.C.P.CkQKBExqEqr-xY_z",
        "ip": "203.0.113.7",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
    },
    "page": {"url": "https://shop.example/thanks"},
}
EVENTS = [
    (purchase(), SPARSE),
    (
        purchase(ip_address="203.0.113.7", user_agent="Mozilla/5.0 (X11; Linux x86_64)", landing_url=PAGE),
        FULL,
    ),
    (purchase(ip_address="", user_agent="", landing_url=""), SPARSE),
    (purchase(target={"event": "StartTrial"}, value=None), WITHOUT_VALUE | {"event": "StartTrial"}),
]


@pytest.mark.parametrize(("outbound", "expected"), EVENTS)
def test_an_event_holds_exactly_what_the_row_knows(outbound: Outbound, expected: dict[str, Any]) -> None:
    assert event(outbound) == expected


def test_a_request_names_its_pixel_once_and_keeps_the_order_of_rows() -> None:
    batch = [purchase(), purchase(vendor_id="cs_second", target={"event": "Renewal"})]
    assert request("SANDBOXPIXEL01", batch) == {
        "event_source": "web",
        "event_source_id": "SANDBOXPIXEL01",
        "data": [SPARSE, SPARSE | {"event_id": "cs_second", "event": "Renewal"}],
    }


AMOUNTS = [
    (Money(1999, "USD", 2), 19.99, "USD"),
    (Money(1990, "EUR", 2), 19.9, "EUR"),
    (Money(50000, "USD", 2), 500, "USD"),
    (Money(1999, "JPY", 0), 1999, "JPY"),
    (Money(12345, "KWD", 3), 12.345, "KWD"),
    (Money(150000, "UGX", 2), 1500, "UGX"),
    (Money(0, "USD", 2), 0, "USD"),
]


@pytest.mark.parametrize(("value", "amount", "currency"), AMOUNTS)
def test_values_are_numbers_in_major_units(value: Money, amount: float, currency: str) -> None:
    assert event(purchase(value=value))["properties"] == {"currency": currency, "value": amount}


TIMES = [
    (datetime(2026, 11, 19, 9, 30, 15, tzinfo=UTC), 1795080615),
    (datetime(2026, 11, 19, 9, 30, 15, 999999, tzinfo=UTC), 1795080615),
    (datetime(2026, 11, 19, 15, 0, 15, tzinfo=timezone(timedelta(hours=5, minutes=30))), 1795080615),
    (datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC), 1772323199),
]


@pytest.mark.parametrize(("moment", "seconds"), TIMES)
def test_times_are_whole_seconds_since_1970(moment: datetime, seconds: int) -> None:
    assert event(purchase(occurred_at=moment))["event_time"] == seconds


CLICKS = [
    ({}, CLICK),
    ({"click_ids": {"ttclid": "E.C.P.Other"}}, "E.C.P.Other"),
    ({"click_id_kind": "gclid", "click_ids": {"ttclid": CLICK}}, CLICK),
    ({"click_id_kind": "gclid"}, None),
    ({"click_id": ""}, ""),
]


@pytest.mark.parametrize(("changes", "expected"), CLICKS)
def test_the_click_goes_unchanged(changes: dict[str, Any], expected: str | None) -> None:
    assert ttclid(purchase(**changes)) == expected


FAULTS = [
    (purchase(), None),
    (purchase(landing_url=PAGE), None),
    (purchase(value=None), None),
    (purchase(value=Money(0, "USD", 2)), None),
    (purchase(click_id="E" * 1000), None),
    (purchase(kind=ConversionKind.ADJUSTMENT, verb=Verb.RETRACT, value=None), "TikTok has no corrections."),
    (purchase(verb=Verb.RESTATE), "TikTok has no corrections."),
    (purchase(target={}), "The action has no event for this account."),
    (purchase(click_id_kind="gclid"), "The row has no ttclid."),
    (purchase(click_id=""), "The row has no ttclid."),
    (purchase(click_id="E" * 1001), "The ttclid is longer than 1000 characters."),
    (purchase(value=Money(-1, "USD", 2)), "The value is negative."),
    (purchase(value=Money(1, "EURO", 2)), "The currency 'EURO' is no ISO 4217 code."),
    (purchase(landing_url="shop.example"), "The landing URL is not an absolute http(s) address."),
]


@pytest.mark.parametrize(("candidate", "fault"), FAULTS)
def test_rows_tiktok_would_refuse_are_found_here(candidate: Outbound, fault: str | None) -> None:
    assert invalid(facts("tiktok"), candidate) == fault
