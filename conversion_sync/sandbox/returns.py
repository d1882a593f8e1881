"""Money that went back to customers and came again, as rows of the truth: each with its share of the net.

Parts add up: what went back in full is the whole net, in however many steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from conversion_sync.sandbox.plans import part
from conversion_sync.sandbox.records import Customer, Invoice, Refund

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`amount` is negative when the money comes again; `known_at` is when a step that counts was final."""

    id: str
    way: str
    status: str
    at: datetime
    known_at: datetime
    amount: int
    off_provider: bool = False


def returns(customer: Customer) -> Iterator[Json]:
    """Everything that went back or came again, payment by payment in order of time.

    `net_left` is what the payment is worth after it. A refund that did not go back is worth nothing.
    """
    for invoice in customer.invoices:
        whole = (invoice.paid, invoice.paid_net)
        yield from _rows(customer, invoice.id, invoice.payment_intent, whole, _of_invoice(invoice))
    for paid in customer.one_offs:
        steps = [step for refund in paid.refunds for step in _of_refund(refund)]
        yield from _rows(customer, None, paid.payment_intent, (paid.amount, paid.amount), steps)


def _of_invoice(invoice: Invoice) -> list[Step]:
    steps = [step for refund in invoice.refunds for step in _of_refund(refund)]
    dispute = invoice.dispute
    if dispute is not None and not dispute.inquiry:
        steps.append(_step(dispute.id, "chargeback", dispute.opened_at, dispute.amount))
        if dispute.is_won and dispute.closed_at is not None:
            steps.append(_step(dispute.id, "chargeback_reversed", dispute.closed_at, -dispute.amount))
    steps += [
        _step(note.id, "refund", note.at, note.amount, off_provider=True)
        for note in invoice.notes
        if note.way == "out_of_band"
    ]
    return steps


def _step(name: str, way: str, at: datetime, amount: int, *, off_provider: bool = False) -> Step:
    return Step(
        id=name,
        way=way,
        status="succeeded",
        at=at,
        known_at=at,
        amount=amount,
        off_provider=off_provider,
    )


def _of_refund(refund: Refund) -> Iterator[Step]:
    """A refund counts from when it was asked for, and is known when it succeeded."""
    succeeded = next((at for at, status in refund.history if status == "succeeded"), None)
    last, status = refund.history[-1]
    yield Step(
        id=refund.id,
        way="refund",
        status="succeeded" if succeeded else status,
        at=refund.created_at,
        known_at=succeeded or last,
        amount=refund.amount,
    )
    if succeeded and not refund.succeeded:
        yield _step(refund.id, "refund_reversed", last, -refund.amount)


def _rows(
    customer: Customer, invoice: str | None, payment: str | None, whole: tuple[int, int], steps: list[Step]
) -> Iterator[Json]:
    paid, paid_net = whole

    def net_of(gross: int) -> int:
        return part(gross, paid_net, paid)

    cumulative = 0
    for step in sorted(steps, key=lambda step: (step.at, step.id)):
        before = cumulative
        cumulative += step.amount if step.status == "succeeded" else 0
        gross = cumulative - before
        net = net_of(cumulative) - net_of(before)
        yield {
            "refund": step.id,
            "way": step.way,
            "invoice": invoice,
            "payment_intent": payment,
            "customer": customer.id,
            "status": step.status,
            "created_at": step.at.isoformat(),
            "status_at": step.known_at.isoformat(),
            "currency": customer.market.currency.upper(),
            "amount": step.amount,
            "gross": -gross,
            "tax": net - gross,
            "net": -net,
            "cumulative": cumulative,
            "net_left": paid_net - net_of(cumulative),
            "off_provider": step.off_provider,
            "livemode": customer.livemode,
        }
