"""Adjustments as money that moved back, or as credit: only what is approved is any.

A refund that is reversed says so itself; a chargeback is reversed by an adjustment of its own, whatever its
status says then. Source: specs/billing.md §3.1, §3.3, §6.3, §6.4 rows 13-25.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from conversion_sync.billing.facts import Credit, Movement, Source, Way
from conversion_sync.billing.paddle.catalogue import PaddleCatalogue
from conversion_sync.billing.paddle.shapes import Adjustment
from conversion_sync.model.revenue import Precision

Unknown = tuple[str, str, str]


class Adjusted:
    """What the adjustments of one customer did."""

    def __init__(self, adjustments: Mapping[str, Sequence[Adjustment]], vocabulary: PaddleCatalogue) -> None:
        self._words, self._vocabulary = vocabulary.adjustment, vocabulary
        self.movements: list[Movement] = []
        self.credits: list[Credit] = []
        self.parked: list[Unknown] = []
        self.tax_back: dict[str, int] = {}
        """By transaction: tax that was given back alone."""
        for states in adjustments.values():
            self._read(states)

    def _read(self, states: Sequence[Adjustment]) -> None:
        self.parked += self._unknown(states)
        known = [state for state in states if self._words.knows_status(state.status)]
        done = next((state for state in known if state.status in self._words.done | self._words.undone), None)
        if done is None or not self._words.knows_action(done.action):
            return
        if done.action in self._words.unproven:
            if done.total:
                self.parked.append((done.id, "unproven_adjustment", f"{done.action} of {done.total}"))
        elif done.action in self._words.credit | self._words.credit_back:
            self.credits += self._credit(done, states)
        else:
            self._move(done, states, known)

    def _unknown(self, states: Sequence[Adjustment]) -> Iterator[Unknown]:
        for state in states:
            if not self._words.knows_status(state.status):
                yield state.id, "unknown_adjustment_status", state.status
            if not self._words.knows_action(state.action):
                yield state.id, "unknown_adjustment_action", state.action
            if state.total < 0:
                yield state.id, "negative_amount", str(state.total)

    def _move(self, done: Adjustment, states: Sequence[Adjustment], known: Sequence[Adjustment]) -> None:
        if done.total < 0:
            return
        if done.action not in self._words.refund:
            back = done.action in self._words.chargeback
            self._moved(done, states, Way.CHARGEBACK, done.total if back else -done.total, done.created_at)
            return
        undone = self._undone(known, done)
        if undone is None:
            self.tax_back[done.transaction] = self.tax_back.get(done.transaction, 0) + done.tax_only
        amount = done.total - done.tax_only
        self._moved(done, states, Way.REFUND, amount, done.created_at)
        if undone is not None:
            self._moved(undone, [undone], Way.REFUND, -amount, undone.updated_at)

    def _undone(self, known: Sequence[Adjustment], done: Adjustment) -> Adjustment | None:
        """The first state in which an approved refund is none any more."""
        after = [state for state in known if state.updated_at >= done.updated_at]
        gone = self._words.undone | self._words.refused
        return next((state for state in after if state.status in gone), None)

    def _moved(
        self, state: Adjustment, states: Sequence[Adjustment], way: Way, amount: int, at: datetime
    ) -> None:
        if amount:
            self.movements.append(
                Movement(
                    source=_source(states),
                    way=way,
                    invoice=state.transaction,
                    amount=amount,
                    currency=state.currency,
                    at=at,
                    precision=Precision.EXACT,
                )
            )

    def _credit(self, done: Adjustment, states: Sequence[Adjustment]) -> Iterator[Credit]:
        """Credit of a bill that was not paid yet lowered the bill: there is less cash, and no balance."""
        exponent = self._vocabulary.exponents.of(done.currency)
        if exponent is None:
            self.parked.append((done.id, "unknown_currency", done.currency))
        elif done.to_balance is not False and done.total > 0:
            sign = 1 if done.action in self._words.credit else -1
            yield Credit(
                source=_source(states),
                subscription=done.subscription,
                invoice=done.transaction,
                gross=sign * done.total,
                net=sign * (done.total - done.tax),
                currency=done.currency,
                exponent=exponent,
                at=done.created_at,
                precision=Precision.EXACT,
            )


def _source(states: Sequence[Adjustment]) -> Source:
    """Told by an event where there is one; later copies change nothing."""
    first = min((state.seen for state in states), key=lambda seen: (seen.listed, seen.at, seen.record))
    return Source(
        object_type="adjustment", object_id=states[0].id, record=first.record, livemode=first.livemode
    )
