"""Paddle's customers, subscriptions and adjustments as JSON. Nothing here decides anything.

Amounts are strings in the currency's lowest unit. Source: specs/billing.md §3.1, §3.2, §3.3; the entities of
paddle-python-sdk 1.16.1 for the members of each object.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from conversion_sync.sandbox.paddle_ids import LAUNCH, name, price_name, product_name, stamp
from conversion_sync.sandbox.plans import part, unit_amount
from conversion_sync.sandbox.records import Change, Customer, Invoice, Refund, Term

Json = dict[str, Any]
STATUSES = {"pending": "pending_approval", "succeeded": "approved", "failed": "rejected"}
"""What Paddle calls the states of money going back."""
CURRENCIES = {"KWD": "GBP", "ISK": "HUF", "UGX": "KRW"}
"""Paddle does not take every currency: there the company asks for others, at the same figures."""


def currency(customer: Customer) -> str:
    """What a customer pays in."""
    code = customer.market.currency.upper()
    return CURRENCIES.get(code, code)


def customer_id(customer: Customer) -> str:
    """`ctm_…`."""
    return name("ctm", customer.created_at, customer.id)


def subscription_id(customer: Customer, subscription: str | None = None) -> str:
    """`sub_…`, of the first subscription where none is named."""
    return name("sub", customer.created_at, subscription or customer.subscription)


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
        "billing_cycle": {"interval": price.split("_")[2], "frequency": 1},
        "trial_period": None,
        "tax_mode": "internal" if market.tax.inclusive else "external",
        "unit_price": {
            "amount": str(unit_amount(market, price)),
            "currency_code": currency(customer),
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
    begun = _begun(customer, change.subscription)
    paused = term.status == "paused"
    period = _period(term.period_start, term.period_end)
    body: Json = {
        "id": subscription_id(customer, change.subscription),
        "status": term.status,
        "customer_id": customer_id(customer),
        "address_id": name("add", customer.created_at, customer.id),
        "business_id": None,
        "currency_code": currency(customer),
        "created_at": stamp(begun),
        "updated_at": stamp(change.at),
        "started_at": stamp(begun),
        "first_billed_at": None if term.status == "trialing" else stamp(customer.trial_end or begun),
        "next_billed_at": None if is_over or paused else stamp(term.period_end),
        "paused_at": stamp(change.at) if paused else None,
        "canceled_at": stamp(change.at) if is_over else None,
        "discount": None,
        "collection_mode": "automatic",
        "billing_details": None,
        "current_billing_period": None if is_over or paused else period,
        "billing_cycle": {"interval": term.price.split("_")[2], "frequency": 1},
        "scheduled_change": _scheduled(term) if not is_over else None,
        "items": [_subscription_item(customer, change, term)],
        "custom_data": custom_data(customer, -1),
        "management_urls": {"update_payment_method": None, "cancel": "https://buyer-portal.example/cancel"},
        "consent_requirements": [],
        "import_meta": None,
    }
    return body if transaction is None else body | {"transaction_id": transaction}


def _begun(customer: Customer, subscription: str) -> datetime:
    return next(change.at for change in customer.changes if change.subscription == subscription)


def _scheduled(term: Term) -> Json | None:
    if not term.ends_with_period:
        return None
    return {"action": "cancel", "effective_at": stamp(term.period_end), "resume_at": None}


def _subscription_item(customer: Customer, change: Change, term: Term) -> Json:
    trial = customer.trial_end
    status = {"trialing": "trialing", "active": "active"}.get(term.status, "inactive")
    return {
        "status": status,
        "quantity": term.quantity,
        "recurring": True,
        "created_at": stamp(_begun(customer, change.subscription)),
        "updated_at": stamp(change.at),
        "previously_billed_at": None if term.status == "trialing" else stamp(term.period_start),
        "next_billed_at": None if status == "inactive" else stamp(term.period_end),
        "trial_dates": _period(customer.created_at, trial) if trial else None,
        "price": price_object(customer, term.price),
        "product": product_object(term.price),
    }


def _period(start: datetime, end: datetime) -> Json:
    return {"starts_at": stamp(start), "ends_at": stamp(end)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjusting:
    """An adjustment of a transaction: what it does, in its states. `before` is what other refunds took."""

    id: str
    action: str
    amount: int
    history: tuple[tuple[datetime, str], ...]
    before: int = 0
    to_balance: bool | None = None

    @property
    def at(self) -> datetime:
        """When it was made."""
        return self.history[0][0]

    def status_at(self, moment: datetime) -> str:
        """Its status at a moment not before its creation."""
        return [status for at, status in self.history if at <= moment][-1]


def adjustments_of(invoice: Invoice) -> Iterator[Adjusting]:
    """Everything that was done to a transaction: refunds, a chargeback and its end, credit."""
    for refund in invoice.refunds:
        before = sum(
            other.amount
            for other in invoice.refunds
            if other.succeeded and other.created_at < refund.created_at
        )
        yield Adjusting(
            id=adjustment_id(refund),
            action="refund",
            amount=refund.amount,
            history=tuple(_statuses(refund)),
            before=before,
        )
    dispute = invoice.dispute
    if dispute is not None and not dispute.inquiry:
        at, closed = dispute.opened_at, dispute.closed_at
        won = ((closed, "reversed"),) if dispute.is_won and closed is not None else ()
        amount = dispute.amount
        yield Adjusting(
            id=name("adj", at, dispute.id),
            action="chargeback",
            amount=amount,
            history=((at, "approved"), *won),
        )
        for ended, _ in won:
            yield Adjusting(
                id=name("adj", ended, dispute.id),
                action="chargeback_reverse",
                amount=amount,
                history=((ended, "approved"),),
            )
    for note in invoice.notes:
        if note.way != "out_of_band":
            yield Adjusting(
                id=name("adj", note.at, note.id),
                action="credit",
                amount=note.amount,
                history=((note.at, "approved"),),
                to_balance=note.way == "balance",
            )


def _statuses(refund: Refund) -> Iterator[tuple[datetime, str]]:
    """What went back and came again was reversed."""
    for at, status in refund.history:
        yield at, "reversed" if status == "failed" and refund.went else STATUSES[status]


def adjustment_object(customer: Customer, invoice: Invoice, done: Adjusting, at: datetime) -> Json:
    """An adjustment as it stands at a moment. Its tax is its share of the payment's."""
    seen = max(when for when, _ in done.history if when <= at)
    before, whole, tax_of = done.before, invoice.total, invoice.tax
    tax = part(before + done.amount, tax_of, whole) - part(before, tax_of, whole) if whole else 0
    totals = {"subtotal": str(done.amount - tax), "tax": str(tax), "total": str(done.amount)}
    code = {"currency_code": currency(customer)}
    full = done.amount == invoice.total
    return {
        "id": done.id,
        "action": done.action,
        "type": "full" if full else "partial",
        "transaction_id": transaction_id(invoice),
        "subscription_id": subscription_id(customer, invoice.subscription) if invoice.subscription else None,
        "customer_id": customer_id(customer),
        "reason": "requested by customer",
        "credit_applied_to_balance": done.to_balance,
        **code,
        "status": done.status_at(at),
        "items": [
            {
                "id": name("adjitm", done.at, done.id),
                "item_id": line_id(invoice, invoice.lines[-1].id),
                "type": "full" if full else "partial",
                "amount": None if full else str(done.amount),
                "proration": None,
                "totals": totals,
            }
        ],
        "totals": totals | {"fee": "0", "retained_fee": "0", "earnings": totals["subtotal"]} | code,
        "payout_totals": None,
        "tax_rates_used": [],
        "created_at": stamp(done.at),
        "updated_at": stamp(seen),
    }
