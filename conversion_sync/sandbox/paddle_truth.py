"""What really happened, in Paddle's names: `truth` with its ids, without its other environment."""

from __future__ import annotations

from conversion_sync.sandbox.business import Business
from conversion_sync.sandbox.paddle_events import live
from conversion_sync.sandbox.paddle_shapes import (
    STATUSES,
    adjustment_id,
    customer_id,
    subscription_id,
    transaction_id,
)
from conversion_sync.sandbox.truth import Json, truth


def paddle_truth(business: Business) -> Json:
    """As `truth`, with Paddle's ids and words."""
    names: dict[str, str] = {}
    for customer in live(business):
        names[customer.id] = customer_id(customer)
        names[customer.subscription] = subscription_id(customer)
        for invoice in customer.invoices:
            names[invoice.id] = transaction_id(invoice)
            names |= {refund.id: adjustment_id(refund) for refund in invoice.refunds}
    told = truth(business)
    for part in ("payments", "refunds", "trials", "customers"):
        told[part] = [
            _renamed(row, names) for row in told[part] if row.get("customer", row.get("id")) in names
        ]
    told["links"] = [
        link | {"is": names.get(link["is"], link["is"])}
        for link in told["links"]
        if link["to"] != "customer" or link["is"] in names
    ]
    return told


def _renamed(row: Json, names: dict[str, str]) -> Json:
    renamed = {
        key: names.get(value, value) if isinstance(value, str) else value for key, value in row.items()
    }
    if "refund" in row:
        renamed["status"] = STATUSES[row["status"]]
    return renamed
