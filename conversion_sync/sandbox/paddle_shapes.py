"""Paddle's customers, subscriptions and adjustments as JSON. Nothing here decides anything.

Amounts are strings in the currency's lowest unit. Source: specs/billing.md §3.1, §3.2, §3.3; the entities of
paddle-python-sdk 1.16.1 for the members of each object.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from conversion_sync.sandbox.paddle_ids import LAUNCH, name, price_name, product_name, stamp
from conversion_sync.sandbox.plans import part, unit_amount
from conversion_sync.sandbox.records import Change, Customer, Invoice, Refund, Term

Json = dict[str, Any]
STATUSES = {"pending": "pending_approval", "succeeded": "approved", "failed": "rejected"}
"""What Paddle calls the states of money going back."""


def customer_id(customer: Customer) -> str:
    """`ctm_…`."""
    return name("ctm", customer.created_at, customer.id)


def subscription_id(customer: Customer) -> str:
    """`sub_…`."""
    return name("sub", customer.created_at, customer.subscription)


def transaction_id(invoice: Invoice) -> str:
    """`txn_…`."""
    return name("txn", invoice.created_at, invoice.id)


def adjustment_id(refund: Refund) -> str:
    """`adj_…`."""
    return name("adj", refund.created_at, refund.id)


def line_id(invoice: Invoice, line: str) -> str:
    """`txnitm_…`."""
    return name("txnitm", invoice.created_at, line)


def custom_data(customer: Customer, place: int = 0) -> Json | None:
    """What the company wrote at the checkout: who signed up (0), or who administers it now (-1)."""
    match customer.known_by:
        case "user":
            return {"cs_user_id": customer.people[place].user_id}
        case "visitor":
            return {"cs_anon_id": customer.people[0].visitor_ids[0]}
        case _:
            return None


def customer_object(customer: Customer) -> Json:
    """A customer."""
    at = stamp(customer.created_at)
    return {
        "id": customer_id(customer),
        "name": None,
        "email": customer.email,
        "marketing_consent": False,
        "status": "active",
        "custom_data": custom_data(customer),
        "locale": "en",
        "created_at": at,
        "updated_at": at,
        "import_meta": None,
    }


def address_object(customer: Customer) -> Json:
    """Where a customer is, as far as tax goes."""
    at = stamp(customer.created_at)
    return {
        "id": name("add", customer.created_at, customer.id),
        "customer_id": customer_id(customer),
        "description": None,
        "first_line": None,
        "city": None,
        "postal_code": None,
        "region": None,
        "country_code": customer.market.country,
        "custom_data": None,
        "status": "active",
        "created_at": at,
        "updated_at": at,
        "import_meta": None,
    }


def price_object(customer: Customer, price: str) -> Json:
    """A price as it stands in items."""
    market, plan = customer.market, price.rsplit("_", 1)[1]
    at = stamp(LAUNCH)
    return {
        "id": price_name(price),
        "product_id": product_name(price),
        "type": "standard",
        "description": price,
        "name": f"Plan {plan}",
        "billing_cycle": {"interval": customer.interval, "frequency": 1},
        "trial_period": None,
        "tax_mode": "internal" if market.tax.inclusive else "external",
        "unit_price": {
            "amount": str(unit_amount(market, price)),
            "currency_code": market.currency.upper(),
        },
        "unit_price_overrides": [],
        "quantity": {"minimum": 1, "maximum": 100},
        "status": "active",
        "custom_data": None,
        "import_meta": None,
        "created_at": at,
        "updated_at": at,
    }


def product_object(price: str) -> Json:
    """What a price is for."""
    at = stamp(LAUNCH)
    return {
        "id": product_name(price),
        "name": f"Plan {price.rsplit('_', 1)[1]}",
        "type": "standard",
        "tax_category": "saas",
        "description": None,
        "image_url": None,
        "custom_data": None,
        "status": "active",
        "import_meta": None,
        "created_at": at,
        "updated_at": at,
    }


def subscription_object(customer: Customer, change: Change, transaction: str | None = None) -> Json:
    """The subscription as it is after a change. `transaction` is named by the event of its creation."""
    term = change.now
    is_over = change.what == "deleted"
    paused = term.status == "paused"
    period = _period(term.period_start, term.period_end)
    body: Json = {
        "id": subscription_id(customer),
        "status": term.status,
        "customer_id": customer_id(customer),
        "address_id": name("add", customer.created_at, customer.id),
        "business_id": None,
        "currency_code": customer.market.currency.upper(),
        "created_at": stamp(customer.created_at),
        "updated_at": stamp(change.at),
        "started_at": stamp(customer.created_at),
        "first_billed_at": None if term.status == "trialing" else stamp(_first_billed(customer)),
        "next_billed_at": None if is_over or paused else stamp(term.period_end),
        "paused_at": stamp(change.at) if paused else None,
        "canceled_at": stamp(change.at) if is_over else None,
        "discount": None,
        "collection_mode": "automatic",
        "billing_details": None,
        "current_billing_period": None if is_over or paused else period,
        "billing_cycle": {"interval": customer.interval, "frequency": 1},
        "scheduled_change": None,
        "items": [_subscription_item(customer, change, term)],
        "custom_data": custom_data(customer, -1),
        "management_urls": {"update_payment_method": None, "cancel": "https://buyer-portal.example/cancel"},
        "consent_requirements": [],
        "import_meta": None,
    }
    return body if transaction is None else body | {"transaction_id": transaction}


def _first_billed(customer: Customer) -> datetime:
    return customer.trial_end or customer.created_at


def _subscription_item(customer: Customer, change: Change, term: Term) -> Json:
    trial = customer.trial_end
    status = {"trialing": "trialing", "active": "active"}.get(term.status, "inactive")
    return {
        "status": status,
        "quantity": 1,
        "recurring": True,
        "created_at": stamp(customer.created_at),
        "updated_at": stamp(change.at),
        "previously_billed_at": None if term.status == "trialing" else stamp(term.period_start),
        "next_billed_at": None if status == "inactive" else stamp(term.period_end),
        "trial_dates": _period(customer.created_at, trial) if trial else None,
        "price": price_object(customer, term.price),
        "product": product_object(term.price),
    }


def _period(start: datetime, end: datetime) -> Json:
    return {"starts_at": stamp(start), "ends_at": stamp(end)}


def adjustment_object(customer: Customer, invoice: Invoice, refund: Refund, at: datetime) -> Json:
    """Money back as an adjustment, as it stands at a moment. Its tax is its share of the payment's."""
    seen = max(when for when, _ in refund.history if when <= at)
    before = sum(
        other.amount for other in invoice.refunds if other.succeeded and other.created_at < refund.created_at
    )
    tax = part(before + refund.amount, invoice.tax, invoice.total) - part(before, invoice.tax, invoice.total)
    totals = {"subtotal": str(refund.amount - tax), "tax": str(tax), "total": str(refund.amount)}
    currency = {"currency_code": customer.market.currency.upper()}
    full = refund.amount == invoice.total
    return {
        "id": adjustment_id(refund),
        "action": "refund",
        "type": "full" if full else "partial",
        "transaction_id": transaction_id(invoice),
        "subscription_id": subscription_id(customer),
        "customer_id": customer_id(customer),
        "reason": "requested by customer",
        "credit_applied_to_balance": None,
        **currency,
        "status": STATUSES[refund.status_at(at)],
        "items": [
            {
                "id": name("adjitm", refund.created_at, refund.id),
                "item_id": line_id(invoice, invoice.lines[-1].id),
                "type": "full" if full else "partial",
                "amount": None if full else str(refund.amount),
                "proration": None,
                "totals": totals,
            }
        ],
        "totals": totals | {"fee": "0", "retained_fee": "0", "earnings": totals["subtotal"]} | currency,
        "payout_totals": None,
        "tax_rates_used": [],
        "created_at": stamp(refund.created_at),
        "updated_at": stamp(seen),
    }
