"""Who of the business's customers is at Lemon Squeezy, by its numbers.

Most of them are, but for those whose story needs what it does not have: balance, payments past it, credit
notes, and disputes that are told. A lost dispute is a refund here (specs/billing.md §4.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from conversion_sync.sandbox.business import Business
from conversion_sync.sandbox.records import Change, Customer, Invoice

ELSEWHERE = frozenset(
    {
        "credit_to_balance",
        "dispute_won",
        "inquiry",
        "noted_before_payment",
        "paid_elsewhere",
        "returned_elsewhere",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One subscription of a customer: its number among them, its changes, and its invoices with their ids."""

    customer: Customer
    place: int
    changes: tuple[Change, ...]
    invoices: tuple[tuple[int, Invoice], ...]

    @property
    def id(self) -> int:
        """The subscription's."""
        return 2_000_000 + self.customer.number * 10 + self.place

    @property
    def order_id(self) -> int:
        """The order's that began it."""
        return order_id(self.customer, self.place * 2)

    @property
    def created_at(self) -> datetime:
        """When it began."""
        return self.changes[0].at

    @property
    def trial_end(self) -> datetime | None:
        """The end of its trial: only a first subscription has one."""
        return None if self.place else self.customer.trial_end


def customers_of(business: Business) -> Iterator[Customer]:
    """Those that are here."""
    return (customer for customer in business.customers if customer.story not in ELSEWHERE)


def parts_of(customer: Customer) -> Iterator[Part]:
    """The customer's subscriptions, the first one first. A trial's nothing is an order alone, no invoice."""
    made = [*customer.invoices, *customer.lost]
    for place, name in enumerate(customer.subscriptions):
        yield Part(
            customer=customer,
            place=place,
            changes=tuple(change for change in customer.changes if change.subscription == name),
            invoices=tuple(
                (3_000_000 + customer.number * 1000 + number, invoice)
                for number, invoice in enumerate(made)
                if invoice.subscription == name and invoice.kind != "trial"
            ),
        )


def customer_id(customer: Customer) -> int:
    """The customer's number at Lemon Squeezy."""
    return 4_000_000 + customer.number


def order_id(customer: Customer, place: int) -> int:
    """An order's: odd places are for what is bought once."""
    return 1_000_000 + customer.number * 10 + place
