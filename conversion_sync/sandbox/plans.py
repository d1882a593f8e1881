"""What the company sells, and where: plans and their prices by currency, and the tax on them.

Amounts are minor units as Stripe counts them: yen have none, dinars a thousand to one, of which the last
digit is always 0, and crowns and shillings a hundred, although ISO gives them none.
Source: specs/billing.md §1.7.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

INTERVALS = {"week": timedelta(days=7), "month": timedelta(days=30), "year": timedelta(days=365)}
"""Months and years are cut to round lengths, so that a cycle is the same span for everybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tax:
    """`percent` on top of the price, or inside it when `inclusive`."""

    percent: int
    inclusive: bool

    def on(self, amount: int) -> int:
        """The tax on, or inside, an amount after discounts; rounded half away from zero."""
        base = 100 + self.percent if self.inclusive else 100
        size = (abs(amount) * self.percent * 2 + base) // (2 * base)
        return -size if amount < 0 else size


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Where a customer pays: a currency, its tax, three plans' monthly prices, and one add-on's.

    `exponent` is the digits of Stripe's minor unit, `decimals` ISO 4217's. No amount is smaller than `step`.
    """

    currency: str
    country: str
    tax: Tax
    monthly: tuple[int, int, int]
    add_on: int
    exponent: int = 2
    decimals: int = 2
    step: int = 1

    def whole(self, amount: int) -> int:
        """The amount in steps of the currency, nearest."""
        return part(amount, 1, self.step) * self.step

    def price(self, plan: int, interval: str) -> int:
        """What a plan costs for an interval: a year is ten months, a week a quarter of one."""
        monthly = self.monthly[plan]
        return {"week": monthly // 4, "month": monthly, "year": monthly * 10}[interval]


NO_TAX = Tax(percent=0, inclusive=False)
MARKETS = (
    Market(
        currency="usd",
        country="US",
        tax=Tax(percent=0, inclusive=False),
        monthly=(2900, 5900, 9900),
        add_on=150,
    ),
    Market(
        currency="eur",
        country="DE",
        tax=Tax(percent=19, inclusive=False),
        monthly=(2900, 4900, 8900),
        add_on=133,
    ),
    Market(
        currency="jpy",
        country="JP",
        tax=Tax(percent=10, inclusive=True),
        monthly=(3300, 5500, 9900),
        add_on=110,
        exponent=0,
        decimals=0,
    ),
    Market(
        currency="kwd",
        country="KW",
        tax=NO_TAX,
        monthly=(9200, 18400, 30800),
        add_on=500,
        exponent=3,
        decimals=3,
        step=10,
    ),
    Market(
        currency="isk",
        country="IS",
        tax=NO_TAX,
        monthly=(400_000, 800_000, 1_200_000),
        add_on=20_000,
        decimals=0,
        step=100,
    ),
    Market(
        currency="ugx",
        country="UG",
        tax=NO_TAX,
        monthly=(10_800_000, 21_600_000, 32_400_000),
        add_on=540_000,
        decimals=0,
        step=100,
    ),
)
COMMON = 3
"""So many of them, the first, are where most customers are."""


def price_id(market: Market, interval: str, plan: int) -> str:
    """The id of a plan's price."""
    return f"price_{market.currency}_{interval}_{plan}"


def add_on_price_id(market: Market, interval: str) -> str:
    """The id of the add-on's price."""
    return f"price_{market.currency}_{interval}_addon"


def unit_amount(market: Market, price: str) -> int:
    """What a price id stands for."""
    _, _, interval, plan = price.split("_")
    return market.add_on if plan == "addon" else market.price(int(plan), interval)


def part(amount: int, share: int, whole: int) -> int:
    """`share`/`whole` of an amount, rounded half to even, in integers only."""
    sign = -1 if amount < 0 else 1
    quotient, rest = divmod(abs(amount) * share, whole)
    up = rest * 2 > whole or (rest * 2 == whole and quotient % 2 == 1)
    return sign * (quotient + up)
