"""What really happened, by Lemon Squeezy's ids: the yardstick for what is read from it.

Amounts are Lemon Squeezy's minor units, signed as they moved the company's money; times are ISO 8601 UTC.
A payment's `at` is the moment it was made, `created_at` when its row was: for one that failed first, earlier.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from conversion_sync.sandbox.business import Business
from conversion_sync.sandbox.lemon_bills import (
    Back,
    Bill,
    back_of,
    bill_of,
    sales_of,
)
from conversion_sync.sandbox.lemon_customers import customer_id, customers_of, parts_of
from conversion_sync.sandbox.lemon_data import custom_data
from conversion_sync.sandbox.plans import part as share
from conversion_sync.sandbox.records import Customer

Json = dict[str, Any]
STATES = {
    "paused": "pause",
    "resumed": "resume",
    "cancel_scheduled": "cancel_scheduled",
    "cancel_withdrawn": "cancel_withdrawn",
    "seats_added": "seat_expansion",
    "seats_removed": "seat_contraction",
}
"""What a subscription's row alone says at once; a change of plan is told once it was billed."""


def lemon_truth(business: Business) -> Json:
    """Payments, refunds, trials, free starts, ends and names."""
    customers, end = list(customers_of(business)), business.end
    parts = [part for customer in customers for part in parts_of(customer)]
    return {
        "payments": [each for customer in customers for each in _payments(customer, end)],
        "returns": [each for customer in customers for each in _returns(customer, end)],
        "trials": {str(part.id): part.created_at.isoformat() for part in parts if part.trial_end},
        "free": sorted(
            {str(part.id) for part in parts for _, invoice in part.invoices if invoice.kind == "free"}
        ),
        "ended": {
            str(part.id): change.at.isoformat()
            for part in parts
            for change in part.changes
            if change.what == "deleted"
        },
        "states": sorted(
            [STATES[change.what], str(part.id), change.at.isoformat()]
            for part in parts
            for change in part.changes
            if change.what in STATES and part.customer.story
        ),
        "links": [
            {"from": {"cs_user_id": "user", "cs_anon_id": "visitor"}[name], "id": value, "is": _ref(customer)}
            for customer in customers
            for name, value in custom_data(customer).items()
        ],
    }


def _ref(customer: Customer) -> str:
    return str(customer_id(customer))


def _payments(customer: Customer, end: datetime) -> Iterator[Json]:
    for part in parts_of(customer):
        for name, invoice in part.invoices:
            if invoice not in customer.lost:
                created = invoice.failed_at[0] if invoice.failed_at else invoice.paid_at
                yield {
                    "type": "subscription-invoices",
                    "id": str(name),
                    "subscription": str(part.id),
                    "kind": invoice.kind,
                    "at": invoice.paid_at.isoformat(),
                    "created_at": created.isoformat(),
                    "failed": bool(invoice.failed_at),
                    **_money(customer, bill_of(invoice)),
                }
    for sale in sales_of(customer, end):
        if sale.status == "paid":
            yield {
                "type": "orders",
                "id": str(sale.id),
                "subscription": None,
                "kind": "one_off_payment",
                "at": sale.at.isoformat(),
                "created_at": sale.at.isoformat(),
                "failed": False,
                **_money(customer, sale.bill),
            }


def _money(customer: Customer, bill: Bill) -> Json:
    return {
        "customer": _ref(customer),
        "currency": customer.market.currency.upper(),
        "gross": bill.total,
        "net": bill.net,
        "livemode": customer.livemode,
    }


def _returns(customer: Customer, end: datetime) -> Iterator[Json]:
    """Each step of money that went back: `refund`, or `chargeback` for what turned out to be a fraud."""
    for name, invoice in (each for part in parts_of(customer) for each in part.invoices):
        yield from _steps(customer, "subscription-invoices", name, bill_of(invoice), back_of(invoice))
    for sale in sales_of(customer, end):
        yield from _steps(customer, "orders", sale.id, sale.bill, sale.back)
        if sale.fraud_at is not None:
            taken = Back(at=sale.fraud_at, amount=sale.bill.total)
            yield from _steps(customer, "orders", sale.id, sale.bill, (taken,), "chargeback")


def _steps(
    customer: Customer, kind_of: str, name: int, bill: Bill, back: tuple[Back, ...], kind: str = "refund"
) -> Iterator[Json]:
    so_far = 0
    for each in back:
        before, so_far = so_far, so_far + each.amount
        net = _net(so_far, bill) - _net(before, bill)
        yield {
            "type": kind_of,
            "id": str(name),
            "kind": kind if each.amount > 0 else f"{kind}_reversed",
            "at": each.at.isoformat(),
            "customer": _ref(customer),
            "currency": customer.market.currency.upper(),
            "gross": -each.amount,
            "net": -net,
            "cumulative": so_far,
            "net_left": bill.net - _net(so_far, bill),
            "livemode": customer.livemode,
        }


def _net(gross: int, bill: Bill) -> int:
    return share(gross, bill.net, bill.total)
