"""Money as a JSON number, and a page's address without what a visitor typed."""

from __future__ import annotations

import json
from decimal import Decimal
from urllib.parse import urlsplit, urlunsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversion_sync.model.money import Money
from conversion_sync.platforms.amounts import money_fault, number, page, page_fault

NUMBERS = [
    (Money(1999, "USD", 2), "19.99"),
    (Money(1990, "USD", 2), "19.9"),
    (Money(2000, "USD", 2), "20"),
    (Money(1, "USD", 2), "0.01"),
    (Money(0, "USD", 2), "0"),
    (Money(30, "EUR", 2), "0.3"),
    (Money(1999, "JPY", 0), "1999"),
    (Money(1, "JPY", 0), "1"),
    (Money(12345, "KWD", 3), "12.345"),
    (Money(12340, "BHD", 3), "12.34"),
    (Money(150000, "UGX", 2), "1500"),
    (Money(99999999999, "IDR", 2), "999999999.99"),
    (Money(-1999, "USD", 2), "-19.99"),
]


@pytest.mark.parametrize(("money", "text"), NUMBERS)
def test_an_amount_is_its_shortest_decimal(money: Money, text: str) -> None:
    assert json.dumps(number(money)) == text


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.sampled_from([0, 2, 3]))
def test_no_cent_is_lost_on_the_way_through_json(minor: int, exponent: int) -> None:
    money = Money(minor, "XYZ", exponent)
    assert json.loads(json.dumps(number(money)), parse_float=Decimal, parse_int=Decimal) == money.decimal()


MONEY_FAULTS = [
    (None, None),
    (Money(0, "USD", 2), None),
    (Money(1999, "JPY", 0), None),
    (Money(-1, "USD", 2), "The value is negative."),
    (Money(1, "usd", 2), "The currency 'usd' is no ISO 4217 code."),
    (Money(1, "US", 2), "The currency 'US' is no ISO 4217 code."),
    (Money(1, "USDT", 2), "The currency 'USDT' is no ISO 4217 code."),
    (Money(1, "USD\n", 2), "The currency 'USD\\n' is no ISO 4217 code."),
    (Money(1, "ÄÖÜ", 2), "The currency 'ÄÖÜ' is no ISO 4217 code."),
    (Money(1, "", 2), "The currency '' is no ISO 4217 code."),
]


@pytest.mark.parametrize(("money", "fault"), MONEY_FAULTS)
def test_an_amount_no_platform_takes_is_found(money: Money | None, fault: str | None) -> None:
    assert money_fault(money) == fault


PAGES = [
    ("https://shop.example/thanks", "https://shop.example/thanks"),
    ("https://shop.example/thanks?email=jane@example.com#name=Jane", "https://shop.example/thanks"),
    ("https://shop.example/?q=1", "https://shop.example/"),
    ("https://shop.example", "https://shop.example"),
    ("http://shop.example:8080/a/b/?x", "http://shop.example:8080/a/b/"),
    ("https://jane:secret@shop.example/thanks", "https://shop.example/thanks"),
]


@pytest.mark.parametrize(("url", "shown"), PAGES)
def test_a_page_is_shown_without_what_a_visitor_typed(url: str, shown: str) -> None:
    assert page(url) == shown


NOT_ABSOLUTE = "The landing URL is not an absolute http(s) address."
PAGE_FAULTS = [
    (None, None),
    ("https://shop.example/?x=1", None),
    ("HTTP://SHOP.example", None),
    ("/thanks", NOT_ABSOLUTE),
    ("shop.example/thanks", NOT_ABSOLUTE),
    ("//shop.example", NOT_ABSOLUTE),
    ("ftp://shop.example", NOT_ABSOLUTE),
    ("file:///etc/passwd", NOT_ABSOLUTE),
    ("https://", NOT_ABSOLUTE),
    ("", NOT_ABSOLUTE),
    ("https://[half", "The landing URL is malformed."),
]


@pytest.mark.parametrize(("url", "fault"), PAGE_FAULTS)
def test_an_address_that_is_no_page_is_found(url: str | None, fault: str | None) -> None:
    assert page_fault(url) == fault


def taken_apart(url: str) -> str:
    """A page's address as the library's own parts make it."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


ADDRESSES = st.from_regex(
    r"https?://([a-z.@:0-9\[\]-]{0,12})(/[ -~]{0,12})?([?#][ -~]{0,12})?", fullmatch=True
)


@given(ADDRESSES)
def test_usual_addresses_are_cut_as_the_library_cuts_them(url: str) -> None:
    try:
        expected = taken_apart(url)
    except ValueError:
        assert page_fault(url) is not None
        return
    assert page_fault(url) is not None or page(url) == expected
