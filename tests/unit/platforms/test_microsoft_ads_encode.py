"""Ledger rows as Microsoft Advertising takes them: conversions, and adjustments that find them again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from conversion_sync.model.conversion import ConversionKind, Outbound, Verb
from conversion_sync.model.money import Money
from conversion_sync.platforms.microsoft_ads.encode import (
    adjustment,
    adjustments,
    conversion,
    conversion_time,
    conversions,
    invalid,
    msclkid,
)
from tests.unit.platforms.rows import PAID_AT, row

CLICK, GUID = "0123456789abcdef0123456789abcdef", "01234567-89AB-cdef-0123-456789abcdef"
TARGET = {"conversion_name": "Offline purchase"}


def purchase(**changes: Any) -> Outbound:
    return row(**{"target": TARGET, "click_id_kind": "msclkid", "click_id": CLICK, **changes})


def correction(**changes: Any) -> Outbound:
    known = {
        "kind": ConversionKind.ADJUSTMENT,
        "verb": Verb.RESTATE,
        "occurred_at": datetime(2026, 11, 20, 10, tzinfo=UTC),
        "adjusted_at": datetime(2026, 11, 20, 10, 0, 1, 900000, tzinfo=UTC),
        "original_at": PAID_AT,
    }
    return purchase(**(known | changes))


NAMED = {
    "MicrosoftClickId": "0123456789abcdef0123456789abcdef",
    "ConversionName": "Offline purchase",
    "ConversionTime": "2026-11-19T09:30:15.882742Z",
}


def test_a_conversion_holds_exactly_what_microsoft_takes() -> None:
    assert conversion(purchase(ip_address="203.0.113.7", landing_url="https://shop.example")) == {
        **NAMED,
        "ConversionValue": 19.99,
        "ConversionCurrencyCode": "USD",
    }
    assert conversion(purchase(value=None)) == NAMED


def test_a_restatement_names_its_conversion_and_the_new_value() -> None:
    assert adjustment(correction(value=Money(500, "EUR", 2))) == {
        **NAMED,
        "AdjustmentType": "Restate",
        "AdjustmentTime": "2026-11-20T10:00:01.900000Z",
        "AdjustmentValue": 5,
        "AdjustmentCurrencyCode": "EUR",
    }


def test_a_retraction_names_its_conversion_and_no_value() -> None:
    assert adjustment(correction(verb=Verb.RETRACT, value=None)) == {
        **NAMED,
        "AdjustmentType": "Retract",
        "AdjustmentTime": "2026-11-20T10:00:01.900000Z",
    }


def test_requests_keep_the_order_of_rows() -> None:
    other = {"click_id": GUID}
    assert conversions([purchase(), purchase(**other)]) == {
        "OfflineConversions": [conversion(purchase()), conversion(purchase(**other))]
    }
    assert adjustments([correction(), correction(**other)]) == {
        "OfflineConversionAdjustments": [adjustment(correction()), adjustment(correction(**other))]
    }


VALUES = [
    (Money(1999, "USD", 2), 19.99, "USD"),
    (Money(50000, "USD", 2), 500, "USD"),
    (Money(1999, "JPY", 0), 1999, "JPY"),
    (Money(12345, "KWD", 3), 12.345, "KWD"),
    (Money(30, "USD", 2), 0.3, "USD"),
    (Money(0, "USD", 2), 0, "USD"),
]


@pytest.mark.parametrize(("value", "amount", "currency"), VALUES)
def test_values_are_numbers_in_major_units(value: Money, amount: float, currency: str) -> None:
    encoded = conversion(purchase(value=value))
    assert (encoded["ConversionValue"], encoded["ConversionCurrencyCode"]) == (amount, currency)


TIMES = [
    (datetime(2026, 11, 19, 9, 30, 15, tzinfo=UTC), "2026-11-19T09:30:15.882742Z"),
    (datetime(2026, 11, 19, 9, 30, 15, 999999, tzinfo=UTC), "2026-11-19T09:30:15.882742Z"),
    (
        datetime(2026, 11, 19, 15, 0, 15, tzinfo=timezone(timedelta(hours=5, minutes=30))),
        "2026-11-19T09:30:15.882742Z",
    ),
]


@pytest.mark.parametrize(("moment", "text"), TIMES)
def test_times_are_utc_with_the_second_of_the_payment(moment: datetime, text: str) -> None:
    assert conversion(purchase(occurred_at=moment))["ConversionTime"] == text


def test_two_payments_of_one_click_in_one_second_are_told_apart() -> None:
    first, second = purchase(), purchase(vendor_id="cs_fedcba9876543210fedcba9876543210")
    assert conversion_time(first) != conversion_time(second)
    assert conversion_time(first).replace(microsecond=0) == conversion_time(second).replace(microsecond=0)


def test_a_copy_of_a_row_and_its_correction_have_the_same_time() -> None:
    copy = purchase(value=Money(1, "USD", 2), occurred_at=PAID_AT.replace(microsecond=1))
    assert {conversion_time(each) for each in (purchase(), copy, correction())} == {
        conversion_time(purchase())
    }


CLICKS = [
    ({}, CLICK),
    ({"click_ids": {"msclkid": GUID}}, CLICK),
    ({"click_id_kind": "gclid", "click_ids": {"msclkid": GUID}}, None),
    ({"click_id": None}, None),
]


@pytest.mark.parametrize(("changes", "expected"), CLICKS)
def test_the_click_is_the_one_of_the_ledger(changes: dict[str, Any], expected: str | None) -> None:
    assert msclkid(purchase(**changes)) == expected


NO_NAME = "The action has no conversion_name for this account."
NO_HEX = "The msclkid is neither 32 hexadecimal digits nor a GUID."
NO_TIME = "The correction lacks the time at which it takes effect, or the time of what it corrects."
NO_VALUE = "A restatement needs a value above zero; to nothing it is a retraction."
FAULTS = [
    (purchase(), None),
    (purchase(click_id=GUID), None),
    (purchase(click_id=CLICK.upper()), None),
    (purchase(value=None), None),
    (correction(), None),
    (correction(verb=Verb.RETRACT, value=None), None),
    (purchase(target={}), NO_NAME),
    (purchase(click_id=""), "The row has no msclkid."),
    (purchase(click_id_kind="gclid"), "The row has no msclkid."),
    (purchase(click_id=CLICK[:-1]), NO_HEX),
    (purchase(click_id=f"{CLICK}\n"), NO_HEX),
    (purchase(click_id="Cj0KCQiA-known-click-0001"), NO_HEX),
    (correction(verb=Verb.SEND), "A correction cannot send."),
    (correction(adjusted_at=None), NO_TIME),
    (correction(original_at=None), NO_TIME),
    (correction(value=None), NO_VALUE),
    (correction(value=Money(0, "USD", 2)), NO_VALUE),
    (purchase(value=Money(-1, "USD", 2)), "The value is negative."),
    (purchase(value=Money(1, "Usd", 2)), "The currency 'Usd' is no ISO 4217 code."),
]


@pytest.mark.parametrize(("candidate", "fault"), FAULTS)
def test_rows_microsoft_would_refuse_are_found_here(candidate: Outbound, fault: str | None) -> None:
    assert invalid(candidate) == fault


@pytest.mark.parametrize("missing", ["adjusted_at", "original_at"])
def test_a_correction_without_its_times_cannot_be_written(missing: str) -> None:
    with pytest.raises(ValueError, match="A correction needs the time"):
        adjustment(correction(**{missing: None}))
