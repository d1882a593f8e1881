"""Money and addresses in the forms the JSON platforms share."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from conversion_sync.model.money import Money

CURRENCY = re.compile(r"[A-Z]{3}")
PAGE = re.compile(r"https?://[A-Za-z0-9.-]+(?::[0-9]+)?(?:/[^?#\t\r\n]*)?(?=[?#]|\Z)")
"""The usual address of a page, up to its query: nothing has to be taken apart."""
TOO_MANY = 10**15
"""The smallest number of minor units with more digits than a double holds exactly."""
SMALLEST = 6
"""The exponent of millionths, in which fixed values are kept."""


def number(money: Money) -> int | float:
    """The amount in major units as a JSON number: whole amounts exactly, others as their shortest decimal.

    A double holds 15 digits exactly; `money_fault` refuses more.
    """
    unit: int = 10**money.exponent
    whole, rest = divmod(money.minor, unit)
    return money.minor / unit if rest else whole


def money_fault(money: Money | None) -> str | None:
    """Why no platform takes this amount; None when it is fine or absent.

    Source: specs/meta_tiktok_linkedin_microsoft.md §1.3 (negative values), §7.1 rule 6.
    """
    if money is None:
        return None
    if type(money.minor) is not int or type(money.exponent) is not int or not 0 <= money.exponent <= SMALLEST:
        return "The value is no whole number of a currency's minor units."
    if abs(money.minor) >= TOO_MANY:
        return "The value has more digits than a number in JSON can hold."
    if money.minor < 0:
        return "The value is negative."
    if not isinstance(money.currency, str) or not CURRENCY.fullmatch(money.currency):
        return f"The currency {money.currency!r} is no ISO 4217 code."
    return None


def page(url: str) -> str:
    """A page's address without login, query and fragment, which may hold what a visitor typed."""
    if plain := PAGE.match(url):
        return plain[0]
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def page_fault(url: str | None) -> str | None:
    """Why the address is none of a page; None when it is fine or absent."""
    if url is None or PAGE.match(url):
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return "The landing URL is malformed."
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return "The landing URL is not an absolute http(s) address."
    return None
