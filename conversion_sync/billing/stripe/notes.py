"""Credit notes: what they give as balance or past Stripe. What they refund is told by the refund itself.

A note before the payment moved nothing: what was paid is lower by itself.
Source: specs/billing.md §1.2 (shapes), §6.3 (credit), §6.4 rows 12-16.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from conversion_sync.billing.facts import Credit, Movement
from conversion_sync.billing.stripe.catalogue import StripeCatalogue
from conversion_sync.billing.stripe.currencies import currency_of, wrong_currency
from conversion_sync.billing.stripe.refunds import RefundFact
from conversion_sync.billing.stripe.seen import Seen, id_of, moment, reference, rows, time_of, whole
from conversion_sync.billing.stripe.shapes import InvoiceFact
from conversion_sync.model.money import round_half_even


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteFact:
    """A credit note as one record shows it. `after` is the part that came after the payment.

    `refunded` is None where an old note names its `refund` and does not say how much that is.
    """

    seen: Seen
    id: str
    invoice: str | None
    currency: str
    status: str
    created_at: datetime
    voided_at: datetime | None
    after: int
    refunded: int | None
    refund: str | None
    elsewhere: int
    total: int
    net_total: int | None


def note_fact(seen: Seen) -> NoteFact:
    """A credit note in either shape. Raises ValueError for a currency that is none."""
    note = seen.thing
    if wrong_currency(currency_of(note)):
        raise ValueError("no currency")
    total = whole(note["total"] if note.get("total") is not None else note["amount"])
    refund = reference(note.get("refund"))
    after = note.get("post_payment_amount")
    if after is None:
        after = total if note.get("type") != "pre_payment" else 0
    net_total = note.get("total_excluding_tax")
    voided = moment(note.get("voided_at"))
    status = "void" if seen.kind == "credit_note.voided" else str(note.get("status"))
    return NoteFact(
        seen=seen,
        id=id_of(note),
        invoice=reference(note.get("invoice")),
        currency=currency_of(note),
        status=status,
        created_at=time_of(note["created"]),
        voided_at=(voided or seen.at) if status == "void" else None,
        after=whole(after),
        refunded=None if refund else sum(whole(row["amount_refunded"]) for row in rows(note.get("refunds"))),
        refund=refund,
        elsewhere=whole(note.get("out_of_band_amount") or 0),
        total=total,
        net_total=None if net_total is None else whole(net_total),
    )


def credits_of(
    notes: Mapping[str, Sequence[NoteFact]],
    refunds: Mapping[str, Sequence[RefundFact]],
    invoices: Mapping[str, Sequence[InvoiceFact]],
    catalogue: StripeCatalogue,
) -> tuple[list[Credit], list[Movement], list[NoteFact]]:
    """Balance given, money given past Stripe, and notes of a status nobody knows."""
    given: list[Credit] = []
    moved: list[Movement] = []
    unknown: list[NoteFact] = []
    for states in notes.values():
        unknown += [state for state in states if not catalogue.credit_note.knows(state.status)][:1]
        note = states[0]
        voided = next((state for state in states if state.voided_at), None)
        invoice = next(iter(invoices.get(note.invoice or "", ())), None)
        balance = note.after - _refunded(note, refunds) - note.elsewhere
        if balance > 0:
            given += _credits(note, voided, invoice, balance, catalogue)
        if note.elsewhere > 0:
            moved += _elsewhere(note, voided)
    return given, moved, unknown


def _refunded(note: NoteFact, refunds: Mapping[str, Sequence[RefundFact]]) -> int:
    if note.refunded is not None:
        return note.refunded
    known = refunds.get(note.refund or "")
    return known[0].amount if known else note.after - note.elsewhere


def _credits(
    note: NoteFact,
    voided: NoteFact | None,
    invoice: InvoiceFact | None,
    balance: int,
    catalogue: StripeCatalogue,
) -> Iterator[Credit]:
    net = balance
    if invoice is not None and invoice.total > 0:
        net = round_half_even(Fraction(balance * invoice.net_total, invoice.total))
    elif note.net_total is not None and note.total > 0:
        net = round_half_even(Fraction(balance * note.net_total, note.total))
    for state, at, sign in _both(note, voided):
        yield Credit(
            source=state.seen.source("credit_note"),
            subscription=invoice.subscription if invoice else None,
            invoice=note.invoice,
            gross=sign * balance,
            net=sign * net,
            currency=note.currency,
            exponent=catalogue.exponents.of(note.currency),
            at=at,
        )


def _elsewhere(note: NoteFact, voided: NoteFact | None) -> Iterator[Movement]:
    for state, at, sign in _both(note, voided):
        yield Movement(
            source=state.seen.source("credit_note"),
            invoice=note.invoice,
            amount=sign * note.elsewhere,
            currency=note.currency,
            at=at,
            off_provider=True,
        )


def _both(note: NoteFact, voided: NoteFact | None) -> Iterator[tuple[NoteFact, datetime, int]]:
    """What was given, and what was taken again when it was voided."""
    yield note, note.created_at, 1
    if voided is not None and voided.voided_at is not None:
        yield voided, voided.voided_at, -1
