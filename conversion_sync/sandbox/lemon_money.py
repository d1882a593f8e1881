"""Amounts as Lemon Squeezy shows them: in minor units, in US cents beside it, and in words.

Source: specs/billing.md §4.1. How currencies without hundredths are counted is not documented; here yen are
whole yen, and the words say so too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from conversion_sync.sandbox.lemon_rows import Json
from conversion_sync.sandbox.plans import Market, part


@dataclass(frozen=True, slots=True)
class Look:
    """How a currency is written, and what a major unit is worth in millionths of a dollar."""

    sign: str
    rate: int


LOOKS = {
    "usd": Look("$", 1_000_000),
    "eur": Look("€", 1_080_000),
    "jpy": Look("¥", 6_500),
    "kwd": Look("KD ", 3_250_000),
    "isk": Look("kr ", 7_200),
    "ugx": Look("USh ", 270),
}


def amounts(market: Market, parts: Mapping[str, int]) -> Json:
    """The named amounts, their twins in US cents and their words."""
    look = LOOKS[market.currency]
    whole = 10**market.exponent * 1_000_000
    return {
        "currency": market.currency.upper(),
        "currency_rate": f"{look.rate / 1_000_000:.8f}",
        **parts,
        **{f"{name}_usd": part(amount, look.rate * 100, whole) for name, amount in parts.items()},
        **{f"{name}_formatted": _words(look, market.exponent, amount) for name, amount in parts.items()},
    }


def _words(look: Look, digits: int, amount: int) -> str:
    whole, rest = divmod(abs(amount), 10**digits)
    text = f"{look.sign}{whole:,}" + (f".{rest:0{digits}d}" if digits else "")
    return f"-{text}" if amount < 0 else text
