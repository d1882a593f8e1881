"""What really happened, as plain lists: the yardstick tests compute their expectations from.

Amounts are Stripe's minor units, signed as they moved the company's money; times are ISO 8601 UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from conversion_sync.sandbox.business import Business
from conversion_sync.sandbox.plans import part
from conversion_sync.sandbox.records import Customer, Invoice

Json = dict[str, Any]
MONEY = ("gross", "tax", "net")


def truth(business: Business) -> Json:
    """Customers, clicks, links, trials, payments and refunds."""
    customers = business.customers
    return {
        "start": business.start.isoformat(),
        "period_start": business.period_start.isoformat(),
        "end": business.end.isoformat(),
        "customers": [_customer(customer) for customer in customers],
        "links": [link for customer in customers for link in _links(customer)],
        "clicks": list(_clicks(business)),
        "trials": [_trial(customer) for customer in customers if customer.trial_end is not None],
        "payments": [_payment(customer, invoice) for customer, invoice in _invoices(business)],
        "refunds": [
            refund for customer, invoice in _invoices(business) for refund in _refunds(customer, invoice)
        ],
    }


def totals(business: Business) -> Json:
    """Counts and sums by "kind:CURRENCY"; refunds that went back are negative, others are left out."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(("count", *MONEY), 0))
    for customer, invoice in _invoices(business):
        payment = _payment(customer, invoice)
        _add(sums[f"{payment['kind']}:{payment['currency']}"], payment)
        for refund in _refunds(customer, invoice):
            if refund["status"] == "succeeded":
                _add(sums[f"refund:{refund['currency']}"], refund)
    return dict(sorted(sums.items()))


def _add(sums: dict[str, int], row: Json) -> None:
    sums["count"] += 1
    for name in MONEY:
        sums[name] += row[name]


def _invoices(business: Business) -> Iterator[tuple[Customer, Invoice]]:
    for customer in business.customers:
        for invoice in customer.invoices:
            yield customer, invoice


def _customer(customer: Customer) -> Json:
    return {
        "id": customer.id,
        "subscription": customer.subscription,
        "users": [person.user_id for person in customer.people],
        "visitors": [visitor for person in customer.people for visitor in person.visitor_ids],
        "known_by": customer.known_by,
        "livemode": customer.livemode,
        "created_at": customer.created_at.isoformat(),
        "currency": customer.market.currency.upper(),
        "country": customer.market.country,
        "interval": customer.interval,
        "shape": "old" if customer.old_shape else "new",
    }


def _links(customer: Customer) -> Iterator[Json]:
    """Who is who, as billing metadata and signed-in visits say it; nothing is concluded here."""
    first = customer.people[0]
    if customer.known_by == "visitor":
        yield {"from": "visitor", "id": first.visitor_ids[0], "to": "customer", "is": customer.id}
    elif customer.known_by == "user":
        for person in customer.people:
            yield {"from": "user", "id": person.user_id, "to": "customer", "is": customer.id}
    signed_in = {visit.visitor_id: visit.user_id for visit in customer.visits if visit.user_id is not None}
    for visitor, user in signed_in.items():
        yield {"from": "visitor", "id": visitor, "to": "user", "is": user}


def _clicks(business: Business) -> Iterator[Json]:
    for visit in business.visits():
        yield {
            "at": visit.at.isoformat(),
            "written_at": visit.written_at.isoformat(),
            "channel": visit.channel,
            "visitor": visit.visitor_id,
            "user": visit.user_id,
            "ids": visit.ids,
            "campaign": visit.campaign,
            "ad_user_data": visit.consent.ad_user_data,
            "ad_personalization": visit.consent.ad_personalization,
        }


def _trial(customer: Customer) -> Json:
    ended = customer.trial_end
    started = any(change.what == "started" for change in customer.changes)
    return {
        "customer": customer.id,
        "subscription": customer.subscription,
        "started_at": customer.created_at.isoformat(),
        "ends_at": ended.isoformat() if ended else None,
        "became_active": started,
        "currency": customer.market.currency.upper(),
        "livemode": customer.livemode,
    }


def _payment(customer: Customer, invoice: Invoice) -> Json:
    return {
        "invoice": invoice.id,
        "payment_intent": invoice.payment_intent,
        "customer": customer.id,
        "subscription": customer.subscription,
        "kind": invoice.kind,
        "billing_reason": invoice.billing_reason,
        "paid_at": invoice.paid_at.isoformat(),
        "currency": customer.market.currency.upper(),
        "gross": invoice.total,
        "tax": invoice.tax,
        "net": invoice.net,
        "livemode": customer.livemode,
    }


def _refunds(customer: Customer, invoice: Invoice) -> Iterator[Json]:
    """Each refund with its share of the net, so that parts add up: a full refund is the whole net.

    `net_left` is what the payment is worth after it. A refund that did not go back is worth nothing.
    """
    cumulative = 0
    for refund in sorted(invoice.refunds, key=lambda refund: refund.created_at):
        before = cumulative
        cumulative += refund.amount if refund.succeeded else 0
        gross = cumulative - before
        net = _net(cumulative, invoice) - _net(before, invoice)
        yield {
            "refund": refund.id,
            "invoice": invoice.id,
            "customer": customer.id,
            "status": refund.history[-1][1],
            "created_at": refund.created_at.isoformat(),
            "status_at": refund.history[-1][0].isoformat(),
            "currency": customer.market.currency.upper(),
            "amount": refund.amount,
            "gross": -gross,
            "tax": net - gross,
            "net": -net,
            "cumulative": cumulative,
            "net_left": invoice.net - _net(cumulative, invoice),
            "livemode": customer.livemode,
        }


def _net(gross: int, invoice: Invoice) -> int:
    """Net of a gross amount, rounded half to even."""
    return part(gross, invoice.net, invoice.total)
