"""The business as Lemon Squeezy keeps it, and the webhooks it sent of it.

Custom data is given to the checkout and comes back in webhooks only; no list tells it. A webhook's body names
neither itself nor its time. Source: specs/billing.md §4.2, §4.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from conversion_sync.sandbox.business import Business
from conversion_sync.sandbox.lemon_bills import (
    STORE,
    first_order,
    invoice_row,
    sale_order,
    sales_of,
)
from conversion_sync.sandbox.lemon_customers import customer_id, customers_of, parts_of
from conversion_sync.sandbox.lemon_rows import Json, Row, State, Table
from conversion_sync.sandbox.lemon_subscriptions import subscription_row
from conversion_sync.sandbox.records import Customer

WEBHOOK = "5b8f7f6e-2d4c-4c1a-9a63-000000000001"
"""Which webhook a body came by: the same in all of them."""
LICENCE = 9_001


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A webhook as it was sent."""

    at: datetime
    event: str
    body: Json


class LemonData:
    """Every list there is."""

    def __init__(self, business: Business) -> None:
        self._end = business.end
        self._customers = list(customers_of(business))
        self.tables = {
            "stores": Table([_store(business)]),
            "customers": Table([_customer(customer) for customer in self._customers]),
            "orders": Table(list(self._orders())),
            "subscriptions": Table(
                [
                    subscription_row(part, business.end, custom_data(customer))
                    for customer in self._customers
                    for part in parts_of(customer)
                ]
            ),
            "subscription-invoices": Table(list(self._invoices())),
        }

    def _orders(self) -> Iterator[Row]:
        for customer in self._customers:
            for part in parts_of(customer):
                yield first_order(part, custom_data(customer))
            for sale in sales_of(customer, self._end):
                yield sale_order(customer, sale, custom_data(customer))

    def _invoices(self) -> Iterator[Row]:
        for customer in self._customers:
            # Whether an invoice's webhook has it is not certain: some do.
            custom = custom_data(customer) if customer.number % 2 else {}
            for part in parts_of(customer):
                for name, invoice in part.invoices:
                    row = invoice_row(part, name, invoice, custom)
                    # A bill that was not tried before the business ends is not made yet.
                    if row.states:
                        yield row

    def webhooks(self, base: str, now: datetime) -> list[Delivery]:
        """Everything that was sent so far, in order of time; some of it is noise."""
        sent = [
            _delivery(row, state, event, base)
            for name in ("orders", "subscriptions", "subscription-invoices")
            for row in self.tables[name].rows
            for state in row.states
            for event in state.told
            if state.at <= now
        ]
        sent += [_noise(row, now, base) for row in self.tables["orders"].rows[-1:]]
        return sorted(sent, key=lambda each: (each.at, each.body["data"]["type"], each.body["data"]["id"]))


def custom_data(customer: Customer) -> dict[str, str]:
    """What the company gave the checkout: who signs up."""
    match customer.known_by:
        case "user":
            return {"cs_user_id": customer.people[0].user_id}
        case "visitor":
            return {"cs_anon_id": customer.people[0].visitor_ids[0]}
        case _:
            return {}


def _delivery(row: Row, state: State, event: str, base: str) -> Delivery:
    meta: Json = {
        "event_name": event,
        "test_mode": bool(state.attributes["test_mode"]),
        "webhook_id": WEBHOOK,
    }
    if row.custom:
        meta["custom_data"] = dict(row.custom)
    return Delivery(
        at=state.at, event=event, body={"meta": meta, "data": row.resource(state.at, base, state.at)}
    )


def _noise(order: Row, now: datetime, base: str) -> Delivery:
    """A licence key comes with an order; it is worth nothing by itself."""
    bought = order.at(now) or {}
    key = Row(
        type="license-keys",
        id=LICENCE,
        states=[
            State(
                at=order.created_at,
                attributes={
                    "store_id": STORE,
                    "customer_id": bought["customer_id"],
                    "order_id": order.id,
                    "status": "inactive",
                    "test_mode": bought["test_mode"],
                },
                told=("license_key_created",),
            )
        ],
        custom=order.custom,
    )
    return _delivery(key, key.states[0], "license_key_created", base)


def _store(business: Business) -> Row:
    attributes = {"name": "Example", "slug": "example", "country": "US", "currency": "USD", "plan": "fresh"}
    return Row(type="stores", id=STORE, states=[State(at=business.start, attributes=attributes)])


def _customer(customer: Customer) -> Row:
    attributes = {
        "store_id": STORE,
        "name": f"Person {customer.number}",
        "email": customer.email,
        "status": "subscribed",
        "city": None,
        "region": None,
        "country": customer.market.country,
        "test_mode": not customer.livemode,
    }
    return Row(
        type="customers",
        id=customer_id(customer),
        states=[State(at=customer.created_at, attributes=attributes)],
        related=("store", "orders", "subscriptions", "license-keys"),
        links={"customer_portal": "https://example.lemonsqueezy.example/billing"},
    )
