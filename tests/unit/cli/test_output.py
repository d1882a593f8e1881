"""What people and programs are shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from conversion_sync.cli.options import moment
from conversion_sync.cli.output import amount, count, money, moneys, plain, when
from conversion_sync.model.conversion import State


@pytest.mark.parametrize(
    ("minor", "exponent", "currency", "shown"),
    [
        (123450, 2, "USD", "1,234.50 USD"),
        (-5, 2, "EUR", "-0.05 EUR"),
        (70000, 0, "JPY", "70,000 JPY"),
        (5_000_000, 6, "USD", "5.00 USD"),
        (5_000_001, 6, "USD", "5.000001 USD"),
        (0, 2, "USD", "0.00 USD"),
        (None, 2, "USD", ""),
        (1, None, None, ""),
    ],
)
def test_minor_units_are_shown_as_people_write_money(
    minor: int | None, exponent: int | None, currency: str | None, shown: str
) -> None:
    assert amount(minor, exponent, currency) == shown


def test_amounts_of_several_currencies_stand_side_by_side() -> None:
    assert moneys({"USD": Decimal("1.5"), "JPY": Decimal(7)}) == "7 JPY + 1.50 USD"
    assert moneys({}) == "-"
    assert money(Decimal("0E+3"), "JPY") == "0 JPY"


@dataclass(frozen=True)
class Thing:
    at: datetime
    state: State
    value: Decimal
    parts: tuple[int, ...]


def test_json_has_utc_times_and_exact_decimals() -> None:
    berlin = timezone(timedelta(hours=1))
    thing = Thing(datetime(2026, 11, 1, 1, tzinfo=berlin), State.HELD, Decimal("0.10"), (1, 2))
    assert plain({("meta", "main"): thing}) == {
        "meta:main": {"at": "2026-11-01T00:00:00Z", "state": "held", "value": "0.10", "parts": [1, 2]}
    }


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T05", datetime(2026, 11, 1, 5, tzinfo=UTC)),
        ("2026-11-01T05:30+02:00", datetime(2026, 11, 1, 3, 30, tzinfo=UTC)),
        ("2026-11-01T05:30Z", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_without_an_offset_is_utc(text: str, meant: datetime) -> None:
    assert moment(text) == meant


def test_small_words() -> None:
    assert (count(1, "row"), count(2000, "row")) == ("1 row", "2,000 rows")
    assert (when(None), when(datetime(2026, 11, 1, 5, 30, tzinfo=UTC))) == ("-", "2026-11-01 05:30")
