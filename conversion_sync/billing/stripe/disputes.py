"""Disputes as movements of money: their balance transactions are the truth, their status only says more.

An inquiry and a prevented dispute have none. A lost dispute adds nothing to its withdrawal; one that is won,
or won on appeal long after it was lost, has a second one. Source: specs/billing.md §1.6, §6.4 rows 21-25.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from conversion_sync.billing.facts import Movement, Way
from conversion_sync.billing.stripe.catalogue import StripeCatalogue
from conversion_sync.billing.stripe.currencies import currency_of
from conversion_sync.billing.stripe.seen import Seen, id_of, rows, time_of, whole
from conversion_sync.billing.stripe.shapes import references

WITHDRAWN, REINSTATED = "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """Money that a dispute took (`amount` > 0) or gave again, in the currency of the payment."""

    id: str
    at: datetime
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeFact:
    """A dispute as one record shows it."""

    seen: Seen
    id: str
    payment: str | None
    currency: str
    status: str
    transactions: tuple[Transaction, ...]


def dispute_fact(seen: Seen) -> DisputeFact:
    """A dispute as one record shows it."""
    dispute = seen.thing
    currency, amount = currency_of(dispute), whole(dispute["amount"])
    return DisputeFact(
        seen=seen,
        id=id_of(dispute),
        payment=references(dispute).payment,
        currency=currency,
        status=str(dispute.get("status")),
        transactions=tuple(_transactions(seen, currency, amount)),
    )


def _transactions(seen: Seen, currency: str, amount: int) -> Iterator[Transaction]:
    """Those in the payment's currency say how much; those of another settlement currency say which way."""
    listed = rows(seen.thing.get("balance_transactions"))
    for row in listed:
        moved = whole(row["amount"])
        if moved:
            same = str(row.get("currency")).upper() == currency
            size = abs(moved) if same else amount
            yield Transaction(id=id_of(row), at=time_of(row["created"]), amount=size if moved < 0 else -size)
    if not listed and seen.kind in (WITHDRAWN, REINSTATED):
        yield Transaction(id=seen.kind, at=seen.at, amount=amount if seen.kind == WITHDRAWN else -amount)


def chargebacks(
    disputes: Mapping[str, Sequence[DisputeFact]], catalogue: StripeCatalogue
) -> tuple[list[Movement], list[DisputeFact]]:
    """What disputes took and gave again; and the first state of each whose status nobody knows."""
    moved: list[Movement] = []
    unknown: list[DisputeFact] = []
    for states in disputes.values():
        unknown += [state for state in states if not catalogue.dispute.knows(state.status)][:1]
        moved += _of_dispute(states)
    return moved, unknown


def _of_dispute(states: Sequence[DisputeFact]) -> Iterator[Movement]:
    told: dict[str, tuple[DisputeFact, Transaction]] = {}
    for state in states:
        for transaction in state.transactions:
            told.setdefault(transaction.id, (state, transaction))
    if len(told) > 1:  # what only an event's type tells is told better by the transactions
        named = {name: row for name, row in told.items() if name not in (WITHDRAWN, REINSTATED)}
        told = named or told
    numbers = {True: 0, False: 0}
    for state, transaction in sorted(told.values(), key=lambda row: (row[1].at, row[1].id)):
        took = transaction.amount > 0
        yield Movement(
            source=state.seen.source("dispute"),
            way=Way.CHARGEBACK,
            number=numbers[took],
            payment=state.payment,
            amount=transaction.amount,
            currency=state.currency,
            at=transaction.at,
        )
        numbers[took] += 1
