"""Money: integer minor units, a currency, and the exponent those units are in.

A provider's exponent (how many digits its API counts in) and the ISO exponent (how many the
currency has) differ for a few currencies (Stripe counts UGX in hundredths). Amounts keep the
provider's; `decimal_amount` is the same number either way.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` units of `currency` (ISO 4217, upper case), where 10**`exponent` minor units make one."""

    minor: int
    currency: str
    exponent: int

    def decimal(self) -> Decimal:
        """The amount in major units, exact."""
        return decimal_amount(self.minor, self.exponent)


def decimal_amount(minor: int, exponent: int) -> Decimal:
    """`minor` / 10**`exponent`, exact: 1999 with exponent 2 is Decimal('19.99')."""
    return Decimal(minor).scaleb(-exponent)


def plain_text(amount: Decimal) -> str:
    """The shortest plain decimal text: no exponent sign, no trailing zeros ('19.9', '500')."""
    text = format(amount, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text or "0"


def round_half_even(value: Fraction) -> int:
    """The nearest integer, ties to even; exact for any fraction."""
    floor, rest = divmod(value.numerator, value.denominator)
    twice = 2 * rest
    if twice > value.denominator or (twice == value.denominator and floor % 2 == 1):
        return floor + 1
    return floor


def half_even_minor(amount: Decimal, exponent: int) -> int:
    """A decimal amount in minor units, ties to even."""
    return int(amount.scaleb(exponent).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
