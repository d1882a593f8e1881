"""Stripe's customers and subscriptions as JSON, in two shapes; `stripe_money` has what money moved.

The old shape is that of before 2025-03-31. Nothing here decides anything: facts come from the business.
Source: specs/billing.md §1.2, §1.4.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from conversion_sync.sandbox.plans import unit_amount
from conversion_sync.sandbox.records import Change, Customer, Term

OLD_VERSION = "2024-06-20"
LAST_OLD_VERSION = "2025-03-30"
NEW_VERSION = "2026-10-28.endive"

Json = dict[str, Any]


def seconds(moment: datetime) -> int:
    """Unix time."""
    return int(moment.timestamp())


def version_of(customer: Customer) -> str:
    """The API version this customer's events are rendered in."""
    return OLD_VERSION if customer.old_shape else NEW_VERSION


def customer_metadata(customer: Customer) -> Json:
    """What the company wrote on the customer: who signed up."""
    return _names(customer, 0)


def subscription_metadata(customer: Customer) -> Json:
    """What the company wrote on the subscription: who administers it, a colleague if there is one."""
    return _names(customer, -1)


def _names(customer: Customer, place: int) -> Json:
    match customer.known_by:
        case "user":
            return {"cs_user_id": customer.people[place].user_id}
        case "visitor":
            return {"cs_anon_id": customer.people[0].visitor_ids[0]}
        case _:
            return {}


def customer_object(customer: Customer) -> Json:
    """A customer."""
    return {
        "id": customer.id,
        "object": "customer",
        "address": {"country": customer.market.country, "city": None, "line1": None, "postal_code": None},
        "balance": 0,
        "created": seconds(customer.created_at),
        "currency": customer.market.currency,
        "delinquent": False,
        "email": customer.email,
        "livemode": customer.livemode,
        "metadata": customer_metadata(customer),
        "name": None,
    }


def subscription_object(customer: Customer, change: Change) -> Json:
    """The subscription as it is after a change. Since 2025-03-31 the period is on the item."""
    is_first = change.subscription == customer.subscription
    trial, term = customer.trial_end if is_first else None, change.now
    is_over = change.what == "deleted"
    began = seconds(began_at(customer, change.subscription))
    subscription: Json = {
        "id": change.subscription,
        "object": "subscription",
        **_ending(term),
        "canceled_at": seconds(change.at) if is_over else None,
        "collection_method": "charge_automatically",
        "created": began,
        "currency": customer.market.currency,
        "customer": customer.id,
        "ended_at": seconds(change.at) if is_over else None,
        "items": {
            "object": "list",
            "data": [_item(customer, change.subscription, term)],
            "has_more": False,
            "total_count": 1,
            "url": f"/v1/subscription_items?subscription={change.subscription}",
        },
        "livemode": customer.livemode,
        "metadata": subscription_metadata(customer),
        "pause_collection": _pause_collection(term),
        "start_date": began,
        "status": term.status,
        "trial_start": began if trial else None,
        "trial_end": seconds(trial) if trial else None,
    }
    if customer.old_shape:
        return subscription | _period(term) | {"discount": None, "quantity": term.quantity}
    subscription |= {"billing_mode": {"type": "flexible"}, "discounts": []}
    if term.status == "paused":
        subscription["status_details"] = {
            "paused": {"subscription": {"type": "pause"}, "type": "subscription"}
        }
    return subscription


def began_at(customer: Customer, subscription: str) -> datetime:
    """When a subscription was made."""
    return next(change.at for change in customer.changes if change.subscription == subscription)


def _ending(term: Term) -> Json:
    ends = term.ends_with_period
    return {"cancel_at": seconds(term.period_end) if ends else None, "cancel_at_period_end": ends}


def _pause_collection(term: Term) -> Json | None:
    return {"behavior": "void", "resumes_at": None} if term.pause == "collection" else None


def item_id(subscription: str) -> str:
    """The id of the subscription's only item."""
    return subscription.replace("sub_", "si_")


def _item(customer: Customer, subscription: str, term: Term) -> Json:
    item: Json = {
        "id": item_id(subscription),
        "object": "subscription_item",
        "created": seconds(began_at(customer, subscription)),
        "metadata": {},
        "price": price_object(customer, term.price),
        "quantity": term.quantity,
        "subscription": subscription,
    }
    return item if customer.old_shape else item | _period(term)


def _period(term: Term) -> Json:
    return {
        "current_period_start": seconds(term.period_start),
        "current_period_end": seconds(term.period_end),
    }


def previous_attributes(customer: Customer, change: Change) -> Json | None:
    """What an update's event says was before: a renewal names the items, although only their period moved."""
    before, now = change.before, change.now
    if before is None or change.what in {"created", "deleted"}:
        return None
    previous: Json = {}
    if before.status != now.status:
        previous["status"] = before.status
    if before.ends_with_period != now.ends_with_period:
        previous |= _ending(before)
    if _pause_collection(before) != _pause_collection(now):
        previous["pause_collection"] = _pause_collection(before)
    moved = before.period_start != now.period_start
    if customer.old_shape and moved:
        previous |= _period(before)
    if customer.old_shape and before.quantity != now.quantity:
        previous["quantity"] = before.quantity
    changed = (before.price, before.quantity) != (now.price, now.quantity)
    if changed or (moved and not customer.old_shape):
        previous["items"] = {"data": [_item(customer, change.subscription, before)]}
    return previous


def price_object(customer: Customer, price: str) -> Json:
    """A recurring price."""
    amount, interval = unit_amount(customer.market, price), price.split("_")[2]
    return {
        "id": price,
        "object": "price",
        "active": True,
        "currency": customer.market.currency,
        "product": product_of(price),
        "recurring": {"interval": interval, "interval_count": 1, "usage_type": "licensed"},
        "type": "recurring",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }


def product_of(price: str) -> str:
    """The product a price belongs to."""
    return f"prod_{price.rsplit('_', 1)[1]}"
