"""Ledger rows as Meta takes them, and as the vendor's own serialiser writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from conversion_sync.model.conversion import ConversionKind, Outbound, Verb
from conversion_sync.model.money import Money
from conversion_sync.platforms.meta.encode import event, fbc, invalid
from tests.contract.platforms.meta_sdk import typed
from tests.unit.platforms.rows import facts, row

WEBSITE = {"event_name": "Purchase", "action_source": "website"}
PAGE = "https://shop.example/thanks?email=jane@example.com&name=Jane#top"
FBCLID = "IwAR0AbC-d_EfG"


def purchase(**changes: Any) -> Outbound:
    known = {"target": {"event_name": "Purchase"}, "click_id_kind": "fbclid", "click_id": FBCLID}
    return row(**{**known, **changes})


def visit(**changes: Any) -> Outbound:
    return purchase(**{"target": WEBSITE, "landing_url": PAGE, **changes})


SPARSE = {
    "event_name": "Purchase",
    "event_time": 1795080615,
    "event_id": "cs_0123456789abcdef0123456789abcdef",
    "action_source": "system_generated",
    "user_data": {"fbc": "fb.1.1794988800125.IwAR0AbC-d_EfG"},
    "custom_data": {"value": 19.99, "currency": "usd"},
}
WITHOUT_VALUE = {name: value for name, value in SPARSE.items() if name != "custom_data"}
FULL = {
    **SPARSE,
    "action_source": "website",
    "event_source_url": "https://shop.example/thanks",
    "user_data": {
        "fbc": "fb.1.1794988800125.IwAR0AbC-d_EfG",
        "client_ip_address": "2001:db8::7334",
        "client_user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
    },
}
EVENTS = [
    (purchase(), SPARSE),
    (visit(ip_address="2001:db8::7334", user_agent="Mozilla/5.0 (X11; Linux x86_64)"), FULL),
    (purchase(ip_address="", user_agent=""), SPARSE),
    (purchase(landing_url=PAGE), SPARSE),
    (purchase(target={"event_name": "StartTrial"}, value=None), WITHOUT_VALUE | {"event_name": "StartTrial"}),
]


@pytest.mark.parametrize(("outbound", "expected"), EVENTS)
def test_an_event_holds_exactly_what_the_row_knows(outbound: Outbound, expected: dict[str, Any]) -> None:
    assert event(outbound) == expected


@pytest.mark.parametrize(("outbound", "expected"), EVENTS)
def test_the_vendors_serialiser_changes_nothing(outbound: Outbound, expected: dict[str, Any]) -> None:
    assert typed(event(outbound)).normalize() == expected


AMOUNTS = [
    (Money(1999, "USD", 2), 19.99, "usd"),
    (Money(1990, "EUR", 2), 19.9, "eur"),
    (Money(50000, "USD", 2), 500, "usd"),
    (Money(1999, "JPY", 0), 1999, "jpy"),
    (Money(12345, "KWD", 3), 12.345, "kwd"),
    (Money(150000, "UGX", 2), 1500, "ugx"),
    (Money(0, "USD", 2), 0, "usd"),
]


@pytest.mark.parametrize(("value", "amount", "currency"), AMOUNTS)
def test_values_are_numbers_in_major_units(value: Money, amount: float, currency: str) -> None:
    assert event(purchase(value=value))["custom_data"] == {"value": amount, "currency": currency}


TIMES = [
    (datetime(2026, 11, 19, 9, 30, 15, tzinfo=UTC), 1795080615),
    (datetime(2026, 11, 19, 9, 30, 15, 999999, tzinfo=UTC), 1795080615),
    (datetime(2026, 11, 19, 15, 0, 15, tzinfo=timezone(timedelta(hours=5, minutes=30))), 1795080615),
    (datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC), 1772323199),
]


@pytest.mark.parametrize(("moment", "seconds"), TIMES)
def test_times_are_whole_seconds_since_1970(moment: datetime, seconds: int) -> None:
    assert event(purchase(occurred_at=moment))["event_time"] == seconds


KEPT = "fb.1.1763467200000.IwAR0Kept"
CLICKS = [
    ({"click_id_kind": "fbclid", "click_id": FBCLID}, f"fb.1.1794988800125.{FBCLID}"),
    ({"click_id_kind": "fbc", "click_id": KEPT}, KEPT),
    ({"click_id_kind": "fbc", "click_id": f"{KEPT}.AQIDBAUG"}, f"{KEPT}.AQIDBAUG"),
    ({"click_id_kind": "fbclid", "click_id": FBCLID, "click_ids": {"fbc": KEPT, "fbclid": FBCLID}}, KEPT),
    (
        {"click_id_kind": "fbc", "click_id": "no fbc", "click_ids": {"fbclid": FBCLID}},
        f"fb.1.1794988800125.{FBCLID}",
    ),
    ({"click_id_kind": "fbc", "click_id": "fb.1.1763467200000."}, None),
    ({"click_id_kind": "fbclid", "click_id": FBCLID, "clicked_at": None}, None),
    ({"click_id_kind": "fbclid", "click_id": ""}, None),
    ({"click_id_kind": "gclid", "click_id": "Cj0K"}, None),
]


@pytest.mark.parametrize(("changes", "expected"), CLICKS)
def test_the_click_is_kept_as_the_site_had_it_or_built_from_its_id_and_time(
    changes: dict[str, Any], expected: str | None
) -> None:
    assert fbc(purchase(**changes)) == expected


NO_FBC = "The row has neither a well-formed fbc nor an fbclid with the time of its click."
FAULTS = [
    (purchase(), None),
    (visit(), None),
    (purchase(value=Money(0, "USD", 2)), None),
    (purchase(target={"event_name": "Renewal"}, value=None), None),
    (purchase(kind=ConversionKind.ADJUSTMENT, verb=Verb.RETRACT, value=None), "Meta has no corrections."),
    (purchase(verb=Verb.RESTATE), "Meta has no corrections."),
    (purchase(target={}), "The action has no event_name for this account."),
    (
        purchase(target={"event_name": "Purchase", "action_source": "web"}),
        (
            "The action_source 'web' is none of app, business_messaging, chat, email, other, phone_call, "
            "physical_store, system_generated, website."
        ),
    ),
    (purchase(click_id_kind="gclid"), NO_FBC),
    (purchase(clicked_at=None), NO_FBC),
    (purchase(value=None), "A Purchase needs a value and a currency."),
    (purchase(value=Money(-1, "USD", 2)), "The value is negative."),
    (purchase(value=Money(1, "usd", 2)), "The currency 'usd' is no ISO 4217 code."),
    (purchase(target=WEBSITE), "A website event needs the landing URL of its click."),
    (visit(landing_url="/thanks"), "The landing URL is not an absolute http(s) address."),
    (visit(landing_url="javascript:alert(1)"), "The landing URL is not an absolute http(s) address."),
    (visit(landing_url="https://[half"), "The landing URL is malformed."),
]


@pytest.mark.parametrize(("candidate", "fault"), FAULTS)
def test_rows_meta_would_refuse_are_found_here(candidate: Outbound, fault: str | None) -> None:
    assert invalid(facts("meta"), candidate) == fault
