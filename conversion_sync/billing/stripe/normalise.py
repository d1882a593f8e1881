"""A customer's book from all of its stored Stripe records: pure, in any order, any number of times.

Source: specs/billing.md §6.3 (mapping), §6.4 (edge cases).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from conversion_sync.billing.book import write
from conversion_sync.billing.facts import Facts, Standing, Status
from conversion_sync.billing.naming import Keys
from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.catalogue import StripeCatalogue, catalogue
from conversion_sync.billing.stripe.contacts import contacts_of
from conversion_sync.billing.stripe.disputes import DisputeFact, chargebacks
from conversion_sync.billing.stripe.notes import NoteFact, credits_of
from conversion_sync.billing.stripe.one_offs import one_offs
from conversion_sync.billing.stripe.payments import failures_of, payment_of, reopened
from conversion_sync.billing.stripe.refunds import RefundFact, movements
from conversion_sync.billing.stripe.seen import word
from conversion_sync.billing.stripe.shapes import InvoiceFact, InvoicePayment
from conversion_sync.billing.stripe.told import collect
from conversion_sync.model.revenue import CustomerBook, CustomerKey


def book(customer: CustomerKey, records: Iterable[RawRecord], keys: Keys) -> CustomerBook:
    """Everything the records of one customer say."""
    return write(customer, facts_of(records, catalogue()), keys)


def facts_of(records: Iterable[RawRecord], vocabulary: StripeCatalogue) -> Facts:
    """What the records say, in the words every billing system's book is written from."""
    told = collect(records, vocabulary)
    parts: dict[str, list[InvoicePayment]] = defaultdict(list)
    for part in told.invoice_payments.values():
        parts[part.invoice or ""].append(part)
    bills = [
        bill
        for name, states in told.invoices.items()
        if (bill := payment_of(states, parts[name], told.trials, vocabulary)) is not None
    ]
    alone = one_offs(told.paid, told.invoice_of_payment, told.tax_of_payment, bills, vocabulary)
    refunded, strange_refunds = movements(told.refunds, told.charges, vocabulary)
    disputed, strange_disputes = chargebacks(told.disputes, vocabulary)
    given, elsewhere, strange_notes = credits_of(told.notes, told.refunds, told.invoices, vocabulary)
    left = [movement for states in told.invoices.values() for movement in reopened(states)]
    strange: dict[str, Sequence[RefundFact | DisputeFact | NoteFact | InvoiceFact]] = {
        "unknown_refund_status": strange_refunds,
        "unknown_dispute_status": strange_disputes,
        "unknown_credit_note_status": strange_notes,
        "unknown_invoice_status": [
            state
            for states in told.invoices.values()
            for state in states
            if not vocabulary.invoice_status.knows(state.status)
        ],
    }
    return Facts(
        payments=[*bills, *alone],
        invoice_of_payment=told.invoice_of_payment,
        movements=[*refunded, *disputed, *elsewhere, *left],
        credits=given,
        failures=[
            failure for states in told.invoices.values() for failure in failures_of(states, vocabulary)
        ],
        standings={name: _in_time(states) for name, states in told.standings.items()},
        namings=told.namings,
        contacts=list(contacts_of(told.speakers)),
        deleted=told.deleted,
        parked=[
            *told.parked,
            *((fact.id, reason, word(fact.status)) for reason, facts in strange.items() for fact in facts),
        ],
    )


def _in_time(states: Sequence[Standing]) -> list[Standing]:
    """In order of time. How a listed one began is what its own events say, where there are any."""
    begun = any(state.begins and not state.reconstructed for state in states)
    told = [state for state in states if not (begun and state.begins and state.reconstructed)]
    ended = any(state.status is Status.ENDED and not state.reconstructed for state in told)
    told = [state for state in told if not (ended and state.reconstructed and state.status is Status.ENDED)]
    return sorted(told, key=lambda state: (state.at, not state.begins, state.reconstructed))
