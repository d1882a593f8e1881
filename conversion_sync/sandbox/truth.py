"""What really happened, as plain lists: the yardstick tests compute their expectations from."""

from __future__ import annotations

from collections import Counter
from typing import Any

from conversion_sync.sandbox.business import Business, Customer, Invoice

Json = dict[str, Any]


def truth(business: Business) -> Json:
    """Customers, clicks, payments, trials and refunds. Amounts are Stripe's minor units, times ISO UTC."""
    return {
        "start": business.start.isoformat(),
        "end": business.end.isoformat(),
        "customers": [_customer(customer) for customer in business.customers],
        "clicks": [
            {
                "at": visit.at.isoformat(),
                "written_at": visit.written_at.isoformat(),
                "channel": visit.channel,
                "visitor": visit.visitor_id,
                "user": visit.user_id,
                "ids": visit.ids,
                "consent": visit.consent,
            }
            for visit in business.visits()
        ],
        "payments": [
            _payment(customer, invoice) for customer in business.customers for invoice in customer.invoices
        ],
        "refunds": [
            refund
            for customer in business.customers
            for invoice in customer.invoices
            for refund in _refunds(customer, invoice)
        ],
    }


def totals(business: Business) -> Json:
    """Counts and sums by kind and currency; refunds that went back count as negative."""
    count: Counter[str] = Counter()
    net: Counter[str] = Counter()
    for customer in business.customers:
        for invoice in customer.invoices:
            key = f"{invoice.kind}:{customer.market.currency.upper()}"
            count[key] += 1
            net[key] += invoice.net
            for refund in _refunds(customer, invoice):
                count[f"refund:{refund['currency']}"] += 1
                net[f"refund:{refund['currency']}"] -= refund["net"]
    return {key: {"count": count[key], "net": net[key]} for key in sorted(count)}


def _customer(customer: Customer) -> Json:
    return {
        "id": customer.id,
        "user": customer.user_id,
        "visitors": list(customer.visitor_ids),
        "known_by": customer.known_by,
        "livemode": customer.livemode,
        "created_at": customer.created_at.isoformat(),
        "trial": customer.trial_end is not None,
        "currency": customer.market.currency.upper(),
    }


def _payment(customer: Customer, invoice: Invoice) -> Json:
    return {
        "invoice": invoice.id,
        "customer": customer.id,
        "subscription": customer.subscription,
        "kind": invoice.kind,
        "paid_at": invoice.paid_at.isoformat(),
        "currency": customer.market.currency.upper(),
        "gross": invoice.total,
        "tax": invoice.tax,
        "net": invoice.net,
    }


def _refunds(customer: Customer, invoice: Invoice) -> list[Json]:
    """The refunds that went back, each with its share of the net, so that a full refund is the whole net."""
    told: list[Json] = []
    gross = 0
    for refund in sorted(invoice.refunds, key=lambda refund: refund.history[0][0]):
        if not refund.succeeded:
            continue
        before = _share(gross, invoice)
        gross += refund.amount
        told.append(
            {
                "refund": refund.id,
                "invoice": invoice.id,
                "customer": customer.id,
                "created_at": refund.history[0][0].isoformat(),
                "succeeded_at": refund.history[-1][0].isoformat(),
                "currency": customer.market.currency.upper(),
                "gross": refund.amount,
                "net": _share(gross, invoice) - before,
                "net_left": invoice.net - _share(gross, invoice),
                "livemode": customer.livemode,
            }
        )
    return told


def _share(gross: int, invoice: Invoice) -> int:
    """Net of a gross amount, rounded half to even."""
    whole, rest = divmod(gross * invoice.net, invoice.total)
    return whole + (rest * 2 > invoice.total or (rest * 2 == invoice.total and whole % 2 == 1))
