"""Money and addresses in the forms the JSON platforms share."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from conversion_sync.model.money import Money, plain_text

CURRENCY = re.compile(r"[A-Z]{3}")


def number(money: Money) -> int | float:
    """The amount in major units as a JSON number: whole amounts exactly, others as their shortest decimal.

    A double holds 15 digits exactly, more than any payment has.
    """
    amount = money.decimal()
    return int(amount) if amount == amount.to_integral_value() else float(plain_text(amount))


def money_fault(money: Money | None) -> str | None:
    """Why no platform takes this amount; None when it is fine or absent.

    Source: specs/meta_tiktok_linkedin_microsoft.md §1.3 (negative values), §7.1 rule 6.
    """
    if money is None:
        return None
    if money.minor < 0:
        return "The value is negative."
    if not CURRENCY.fullmatch(money.currency):
        return f"The currency {money.currency!r} is no ISO 4217 code."
    return None


def page(url: str) -> str:
    """A page's address without login, query and fragment, which may hold what a visitor typed."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def page_fault(url: str | None) -> str | None:
    """Why the address is none of a page; None when it is fine or absent."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return "The landing URL is malformed."
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return "The landing URL is not an absolute http(s) address."
    return None
