"""Ledger rows as LinkedIn takes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from conversion_sync.model.conversion import ConversionKind, Outbound, Verb
from conversion_sync.model.money import Money
from conversion_sync.platforms.linkedin.encode import element, invalid, li_fat_id, request
from tests.unit.platforms.rows import row

CLICK = "11111111-2222-3333-4444-555555555555"


def purchase(**changes: Any) -> Outbound:
    target = {"conversion_rule_id": "900001"}
    return row(**{"target": target, "click_id_kind": "li_fat_id", "click_id": CLICK, **changes})


SPARSE = {
    "conversion": "urn:lla:llaPartnerConversion:900001",
    "conversionHappenedAt": 1795080615250,
    "eventId": "cs_0123456789abcdef0123456789abcdef",
    "user": {
        "userIds": [
            {
                "idType": "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID",
                "idValue": "11111111-2222-3333-4444-555555555555",
            }
        ]
    },
    "conversionValue": {"currencyCode": "USD", "amount": "19.99"},
}
WITHOUT_VALUE = {name: value for name, value in SPARSE.items() if name != "conversionValue"}
ELEMENTS = [
    (purchase(), SPARSE),
    (
        purchase(ip_address="203.0.113.7", user_agent="Mozilla/5.0", landing_url="https://shop.example"),
        SPARSE,
    ),
    (purchase(value=None), WITHOUT_VALUE),
]


@pytest.mark.parametrize(("outbound", "expected"), ELEMENTS)
def test_an_element_holds_exactly_what_linkedin_takes(outbound: Outbound, expected: dict[str, Any]) -> None:
    assert element(outbound) == expected


def test_a_request_keeps_the_order_of_rows() -> None:
    batch = [purchase(), purchase(vendor_id="cs_second", target={"conversion_rule_id": "900002"})]
    second = SPARSE | {"eventId": "cs_second", "conversion": "urn:lla:llaPartnerConversion:900002"}
    assert request(batch) == {"elements": [SPARSE, second]}


AMOUNTS = [
    (Money(1999, "USD", 2), "19.99", "USD"),
    (Money(1990, "EUR", 2), "19.9", "EUR"),
    (Money(50000, "USD", 2), "500", "USD"),
    (Money(1999, "JPY", 0), "1999", "JPY"),
    (Money(12345, "KWD", 3), "12.345", "KWD"),
    (Money(150000, "UGX", 2), "1500", "UGX"),
    (Money(0, "USD", 2), "0", "USD"),
    (Money(123456789012345678, "USD", 2), "1234567890123456.78", "USD"),
]


@pytest.mark.parametrize(("value", "amount", "currency"), AMOUNTS)
def test_amounts_are_decimal_texts_in_major_units(value: Money, amount: str, currency: str) -> None:
    assert element(purchase(value=value))["conversionValue"] == {"currencyCode": currency, "amount": amount}


TIMES = [
    (datetime(2026, 11, 19, 9, 30, 15, tzinfo=UTC), 1795080615000),
    (datetime(2026, 11, 19, 9, 30, 15, 999999, tzinfo=UTC), 1795080615999),
    (datetime(2026, 11, 19, 15, 0, 15, tzinfo=timezone(timedelta(hours=5, minutes=30))), 1795080615000),
    (datetime(2026, 2, 28, 23, 59, 59, 1000, tzinfo=UTC), 1772323199001),
]


@pytest.mark.parametrize(("moment", "milliseconds"), TIMES)
def test_times_are_milliseconds_since_1970(moment: datetime, milliseconds: int) -> None:
    assert element(purchase(occurred_at=moment))["conversionHappenedAt"] == milliseconds


CLICKS = [
    ({}, CLICK),
    ({"click_ids": {"li_fat_id": "other"}}, "other"),
    ({"click_id_kind": "gclid", "click_ids": {"li_fat_id": CLICK}}, CLICK),
    ({"click_id_kind": "gclid"}, None),
]


@pytest.mark.parametrize(("changes", "expected"), CLICKS)
def test_the_click_goes_unchanged(changes: dict[str, Any], expected: str | None) -> None:
    assert li_fat_id(purchase(**changes)) == expected


NO_RULE = "The action has no numeric conversion_rule_id for this account."
FAULTS = [
    (purchase(), None),
    (purchase(value=None), None),
    (purchase(kind=ConversionKind.ADJUSTMENT, verb=Verb.RETRACT, value=None), "LinkedIn has no corrections."),
    (purchase(verb=Verb.RESTATE), "LinkedIn has no corrections."),
    (purchase(target={}), NO_RULE),
    (purchase(target={"conversion_rule_id": "urn:lla:llaPartnerConversion:900001"}), NO_RULE),
    (purchase(click_id_kind="gclid"), "The row has no li_fat_id."),
    (purchase(click_id=""), "The row has no li_fat_id."),
    (purchase(value=Money(-1, "USD", 2)), "The value is negative."),
    (purchase(value=Money(1, "Usd", 2)), "The currency 'Usd' is no ISO 4217 code."),
]


@pytest.mark.parametrize(("candidate", "fault"), FAULTS)
def test_rows_linkedin_would_refuse_are_found_here(candidate: Outbound, fault: str | None) -> None:
    assert invalid(candidate) == fault
