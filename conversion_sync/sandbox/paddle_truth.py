"""What really happened, in Paddle's names: `truth` with its ids, without its other environment."""

from __future__ import annotations

from conversion_sync.sandbox.business import Business
from conversion_sync.sandbox.paddle_events import live
from conversion_sync.sandbox.paddle_ids import name
from conversion_sync.sandbox.paddle_shapes import (
    CURRENCIES,
    STATUSES,
    adjustment_id,
    customer_id,
    subscription_id,
    transaction_id,
)
from conversion_sync.sandbox.paddle_transactions import bills_of
from conversion_sync.sandbox.records import Invoice
from conversion_sync.sandbox.truth import Json, truth

PARTS = ("payments", "refunds", "trials", "customers", "credits", "failures", "states")


def paddle_truth(business: Business) -> Json:
    """As `truth`, with Paddle's ids and words. What was bought once has a transaction too."""
    names: dict[str, str] = {}
    for customer in live(business):
        names[customer.id] = customer_id(customer)
        names |= {one: subscription_id(customer, one) for one in customer.subscriptions}
        for bill in bills_of(customer):
            names[bill.id] = transaction_id(bill)
            if bill.subscription is None and bill.payment_intent is not None:
                names[bill.payment_intent] = transaction_id(bill)
            names |= _of_returns(bill)
    told = truth(business)
    for part in PARTS:
        told[part] = [
            _renamed(row, names) for row in told[part] if row.get("customer", row.get("id")) in names
        ]
    told["links"] = [
        link | {"is": names.get(link["is"], link["is"])}
        for link in told["links"]
        if link["to"] != "customer" or link["is"] in names
    ]
    return told


def _of_returns(bill: Invoice) -> dict[str, str]:
    """Adjustments by what was refunded or disputed; the end of a dispute is one of its own."""
    found = {refund.id: adjustment_id(refund) for refund in bill.refunds}
    found |= {note.id: name("adj", note.at, note.id) for note in bill.notes}
    if bill.dispute is not None:
        found[bill.dispute.id] = name("adj", bill.dispute.opened_at, bill.dispute.id)
        if bill.dispute.closed_at is not None:
            ended = name("adj", bill.dispute.closed_at, bill.dispute.id)
            found[f"{bill.dispute.id}:chargeback_reversed"] = ended
    return found


def _renamed(row: Json, names: dict[str, str]) -> Json:
    renamed = {
        key: names.get(value, value) if isinstance(value, str) else value for key, value in row.items()
    }
    if "refund" in row:
        renamed["status"] = STATUSES[row["status"]]
        renamed["refund"] = names.get(f"{row['refund']}:{row['way']}", renamed["refund"])
    if row.get("invoice", "") is None:
        renamed["invoice"] = renamed["payment_intent"]
    if "currency" in row:
        renamed["currency"] = CURRENCIES.get(row["currency"], row["currency"])
    return renamed
