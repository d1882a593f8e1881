"""Amounts are exact, whatever the currency's digits."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversion_sync.model.money import Money, half_even_minor, plain_text, round_half_even


@pytest.mark.parametrize(
    ("minor", "exponent", "text"),
    [(1999, 2, "19.99"), (500, 0, "500"), (1990, 2, "19.9"), (-5, 3, "-0.005"), (0, 2, "0"), (100, 2, "1")],
)
def test_an_amount_prints_as_the_shortest_plain_decimal(minor: int, exponent: int, text: str) -> None:
    assert plain_text(Money(minor, "XXX", exponent).decimal()) == text


@pytest.mark.parametrize(
    ("value", "rounded"),
    [
        (Fraction(5, 2), 2),
        (Fraction(7, 2), 4),
        (Fraction(-5, 2), -2),
        (Fraction(251, 100), 3),
        (Fraction(4), 4),
    ],
)
def test_halves_go_to_the_even_neighbour(value: Fraction, rounded: int) -> None:
    assert round_half_even(value) == rounded


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_rounding_agrees_with_the_decimal_rule(numerator: int, denominator: int) -> None:
    assert round_half_even(Fraction(numerator, denominator)) == round(Fraction(numerator, denominator))


def test_a_decimal_amount_becomes_minor_units() -> None:
    assert half_even_minor(Decimal("19.995"), 2) == 2000
    assert half_even_minor(Decimal("19.985"), 2) == 1998
