"""A customer's book from all of its stored Stripe records: pure, in any order, any number of times.

Source: specs/billing.md §6.3 (mapping), §6.4 (edge cases).
"""

from __future__ import annotations

from collections.abc import Iterable

from conversion_sync.billing.book import write
from conversion_sync.billing.facts import Facts
from conversion_sync.billing.naming import Keys
from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.catalogue import StripeCatalogue, catalogue
from conversion_sync.billing.stripe.contacts import contacts_of
from conversion_sync.billing.stripe.payments import payment_of
from conversion_sync.billing.stripe.refunds import movements
from conversion_sync.billing.stripe.subscriptions import standings_of
from conversion_sync.billing.stripe.told import collect
from conversion_sync.model.revenue import CustomerBook, CustomerKey


def book(customer: CustomerKey, records: Iterable[RawRecord], keys: Keys) -> CustomerBook:
    """Everything the records of one customer say."""
    return write(customer, facts_of(records, catalogue()), keys)


def facts_of(records: Iterable[RawRecord], vocabulary: StripeCatalogue) -> Facts:
    """What the records say, in the words every billing system's book is written from."""
    told = collect(records)
    moved, unknown = movements(told.refunds, told.charges, vocabulary)
    standings, unknown_standings = standings_of(told.subscriptions, vocabulary)
    return Facts(
        payments=[payment_of(invoice, vocabulary) for invoice in told.invoices.values()],
        invoice_of_payment=told.invoice_of_payment,
        movements=moved,
        standings=standings,
        namings=told.namings,
        contacts=list(contacts_of(told.speakers)),
        deleted=told.deleted,
        parked=[
            *((event, "unreadable_record", detail) for event, detail in told.unreadable.items()),
            *((state.id, "unknown_refund_status", state.status) for state in unknown),
            *((state.id, "unknown_subscription_status", state.status) for state in unknown_standings),
        ],
    )
