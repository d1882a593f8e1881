"""A customer's book from all of its stored Paddle records: pure, in any order, any number of times.

Events and listed objects are read alike: an object in some state. Source: specs/billing.md §6.3, §6.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from conversion_sync.billing.book import write
from conversion_sync.billing.facts import Facts, Standing, Status
from conversion_sync.billing.naming import Keys
from conversion_sync.billing.paddle.adjustments import Adjusted
from conversion_sync.billing.paddle.catalogue import PaddleCatalogue, catalogue
from conversion_sync.billing.paddle.subscriptions import standings_of
from conversion_sync.billing.paddle.told import Told, collect
from conversion_sync.billing.paddle.transactions import Bill
from conversion_sync.billing.provider import RawRecord
from conversion_sync.model.revenue import CustomerBook, CustomerKey


def book(customer: CustomerKey, records: Iterable[RawRecord], keys: Keys) -> CustomerBook:
    """Everything the records of one customer say."""
    return write(customer, facts_of(records, catalogue()), keys)


def facts_of(records: Iterable[RawRecord], vocabulary: PaddleCatalogue) -> Facts:
    """What the records say, in the words every billing system's book is written from."""
    told = collect(records, vocabulary)
    adjusted = Adjusted(told.adjustments, vocabulary)
    subscribed = standings_of(told.subscriptions, vocabulary)
    facts = Facts(
        movements=adjusted.movements,
        credits=adjusted.credits,
        standings=subscribed.standings,
        carried_over={name for name, states in told.subscriptions.items() if any(s.imported for s in states)},
        namings=told.namings,
        contacts=list(told.contacts.values()),
        parked=[*told.parked, *adjusted.parked, *subscribed.parked],
    )
    bills = [Bill(states, vocabulary) for states in told.transactions.values()]
    known_by = _known_by(told, bills, vocabulary)
    for bill in bills:
        facts.parked += bill.unknown()
        subscription = bill.subscription(told.subscription_of)
        payment = bill.payment(
            subscription=subscription,
            country=_country(told, bill),
            trialed=_may_be_trial(told, subscription, subscribed.standings),
            tax_back=adjusted.tax_back.get(bill.id, 0),
            named=known_by.get(subscription or "", {}),
        )
        if payment is not None:
            facts.payments.append(payment)
        credit = bill.credit(subscription)
        if credit is not None:
            facts.credits.append(credit)
        facts.failures += bill.failures(subscription)
    return facts


def _country(told: Told, bill: Bill) -> str | None:
    known = told.countries.get(bill.latest.address or "")
    return known[1] if known else None


def _may_be_trial(told: Told, subscription: str | None, standings: Mapping[str, list[Standing]]) -> bool:
    """Whether the subscription was in trial, as far as anybody knows."""
    states = told.subscriptions.get(subscription or "", [])
    trialing = any(each.status is Status.TRIALING for each in standings.get(subscription or "", []))
    return not states or trialing or any(state.trial_from is not None for state in states)


def _known_by(told: Told, bills: Iterable[Bill], vocabulary: PaddleCatalogue) -> dict[str, dict[str, str]]:
    """What the company left with each subscription: at the checkout that began it, and with itself since."""
    found: dict[str, dict[str, str]] = {}
    for bill in sorted(bills, key=lambda bill: (bill.latest.created_at, bill.id)):
        subscription = bill.subscription(told.subscription_of)
        if subscription and bill.latest.origin in vocabulary.origin.checkout:
            found[subscription] = bill.custom_data() | found.get(subscription, {})
    for name, states in told.subscriptions.items():
        for state in states:
            found[name] = {**found.get(name, {}), **state.custom_data}
    return found
