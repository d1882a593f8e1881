"""What no platform takes in a row is found before it leaves, by the name of the field and nothing more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversion_sync.model.identifier import HASH_OF_NOTHING
from conversion_sync.model.money import Money
from conversion_sync.platforms.amounts import money_fault
from conversion_sync.platforms.checks import unsound
from tests.unit.platforms.rows import row

BROKEN = "holds a control character or a broken one."
FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"vendor_id": "cs_\ud800"}, f"The vendor_id {BROKEN}"),
    ({"click_id": "abc\x00"}, f"The click_id {BROKEN}"),
    ({"click_id": b"abc"}, "The click_id is no text."),
    ({"landing_url": "https://shop.example/\udc80"}, f"The landing_url {BROKEN}"),
    ({"user_agent": "Mozilla\r\nX-Injected: 1"}, f"The user_agent {BROKEN}"),
    ({"ip_address": "203.0.113.7\x7f"}, f"The ip_address {BROKEN}"),
    ({"ip_address": 3405803783}, "The ip_address is no text."),
    ({"click_ids": {"fbc": "fb.1.1\x85"}}, f"The fbc {BROKEN}"),
    ({"target": {"event_name": "Pur\x1bchase"}}, f"The event_name {BROKEN}"),
    ({"occurred_at": datetime(2026, 11, 19)}, "The occurred_at has no time zone."),  # noqa: DTZ001
    ({"occurred_at": datetime(1970, 1, 20, tzinfo=UTC)}, "The occurred_at is no time a payment can have."),
    ({"clicked_at": datetime(9999, 1, 1, tzinfo=UTC)}, "The clicked_at is no time a payment can have."),
    ({"adjusted_at": datetime(2096, 12, 1, tzinfo=UTC)}, "The adjusted_at is no time a payment can have."),
    ({"ad_user_data": "maybe"}, "The ad_user_data is none of denied, granted, unknown."),
    ({"ad_personalization": ""}, "The ad_personalization is none of denied, granted, unknown."),
    ({"click_id_kind": "oppref"}, "The click_id_kind is none we know."),
    ({"identifiers": {"email_plain": HASH_OF_NOTHING}}, "The identifier email_plain is the hash of nothing."),
]


@pytest.mark.parametrize(("changes", "fault"), FAULTS)
def test_a_row_that_cannot_leave_is_told_by_its_field(changes: dict[str, Any], fault: str) -> None:
    assert unsound(row(**changes)) == fault


FINE: list[dict[str, Any]] = [
    {},
    {"click_id": None, "clicked_at": None, "landing_url": None, "user_agent": None, "ip_address": None},
    {"user_agent": "Mozilla\u00a0\u200b 東京 🧾 \ufeff"},
    {"click_ids": {"gclid": "Cj0K", "fbc": "fb.1.1.x"}, "click_id_kind": "gclid"},
    {"target": {"event_name": "Purchase", "custom_event_name": None}},
    {"ad_user_data": "denied", "ad_personalization": "granted"},
    {"identifiers": {"email_plain": "a" * 64, "city_clear": "newyork"}},
    {"occurred_at": datetime(2026, 11, 19, tzinfo=UTC), "adjusted_at": datetime(2026, 11, 20, tzinfo=UTC)},
]


@pytest.mark.parametrize("changes", FINE)
def test_a_row_that_can_leave_is_let_through(changes: dict[str, Any]) -> None:
    assert unsound(row(**changes)) is None


@given(st.text(), st.sampled_from(["click_id", "landing_url", "user_agent", "ip_address"]))
def test_what_is_let_through_can_be_written_as_utf_8(text: str, name: str) -> None:
    if unsound(row(**{name: text})) is None:
        assert text.encode() is not None


@given(st.datetimes(timezones=st.timezones() | st.none()))
def test_no_time_breaks_the_check(moment: datetime) -> None:
    fault = unsound(row(occurred_at=moment))
    assert fault is None or "occurred_at" in fault
    if fault is None:
        assert 10**9 <= moment.timestamp() < 4 * 10**9


AMOUNTS: list[tuple[Any, Any, Any, str]] = [
    (float("nan"), "USD", 2, "The value is no whole number of a currency's minor units."),
    (float("inf"), "USD", 2, "The value is no whole number of a currency's minor units."),
    (Decimal("1" * 40), "USD", 2, "The value is no whole number of a currency's minor units."),
    (True, "USD", 2, "The value is no whole number of a currency's minor units."),
    ("1999", "USD", 2, "The value is no whole number of a currency's minor units."),
    (1999, "USD", None, "The value is no whole number of a currency's minor units."),
    (1999, "USD", -1, "The value is no whole number of a currency's minor units."),
    (1999, "USD", 40, "The value is no whole number of a currency's minor units."),
    (int("1" * 40), "USD", 2, "The value has more digits than a number in JSON can hold."),
    (-(10**15), "USD", 2, "The value has more digits than a number in JSON can hold."),
    (10**15, "JPY", 0, "The value has more digits than a number in JSON can hold."),
    (1999, None, 2, "The currency None is no ISO 4217 code."),
    (1999, "\ud800SD", 2, "The currency '\\ud800SD' is no ISO 4217 code."),
]


@pytest.mark.parametrize(("minor", "currency", "exponent", "fault"), AMOUNTS)
def test_an_amount_that_is_none_is_told(minor: Any, currency: Any, exponent: Any, fault: str) -> None:
    assert money_fault(Money(minor, currency, exponent)) == fault


def test_the_largest_amounts_are_let_through() -> None:
    assert money_fault(Money(10**15 - 1, "USD", 6)) is None
    assert unsound(row(occurred_at=datetime.fromtimestamp(4 * 10**9, UTC) - timedelta(seconds=1))) is None
