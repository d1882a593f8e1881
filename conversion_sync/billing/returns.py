"""Money that went back, by part of its payment: in any number of steps exactly the original net returns.

Source: specs/billing.md §1.3 (cumulative rule), §6.4 rows 17-25.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from conversion_sync.billing.payments import Part
from conversion_sync.model.money import round_half_even


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a movement takes off one part of a payment: signed, refunds negative."""

    part: int
    gross: int
    net: int
    gross_refunded: int
    net_left: int
    is_full: bool


class Returned:
    """How much of one payment is back with the customer, by part, as movements come in order of time."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._gross = [0] * len(parts)
        self._claimed = 0

    def excess(self) -> int:
        """How much more went back than was paid."""
        return max(self._claimed - sum(part.gross for part in self._parts), 0)

    def take(self, amount: int) -> Iterator[Share]:
        """Takes an amount off the parts in order or, where it is negative, puts it back in reverse.

        What exceeds the payment is nobody's share, neither when it goes nor when it comes again.
        """
        whole = sum(part.gross for part in self._parts)
        before = min(self._claimed, whole)
        self._claimed += amount
        left = min(self._claimed, whole) - before
        places = range(len(self._parts))
        for place in places if left > 0 else reversed(places):
            part, so_far = self._parts[place], self._gross[place]
            step = min(left, part.gross - so_far) if left > 0 else max(left, -so_far)
            if step == 0:
                continue
            self._gross[place] += step
            left -= step
            yield _share(place, part, so_far, so_far + step)


def _share(place: int, part: Part, before: int, after: int) -> Share:
    return Share(
        part=place,
        gross=before - after,
        net=_net(part, before) - _net(part, after),
        gross_refunded=after,
        net_left=part.net - _net(part, after),
        is_full=after == part.gross,
    )


def _net(part: Part, gross: int) -> int:
    return round_half_even(Fraction(gross * part.net, part.gross)) if part.gross else 0
