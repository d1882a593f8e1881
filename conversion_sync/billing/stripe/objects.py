"""Reads the objects that money and subscriptions of a window are read from, as they are now.

For what is older than events are kept, and for what they missed. An invoice is found by when it was made and
wanted by when it was paid, so invoices are listed from a margin before the window on. A PaymentIntent that an
InvoicePayment names is its invoice's and is left out. Source: specs/billing.md §1.4, §1.9.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from conversion_sync.billing.listed import listed_record
from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.catalogue import StripeCatalogue
from conversion_sync.billing.stripe.client import Client
from conversion_sync.billing.stripe.lists import Question, ask_all, every_line
from conversion_sync.billing.stripe.shapes import paid_by, references
from conversion_sync.model.windows import Window

DAY = timedelta(days=1)


def object_pages(
    client: Client, catalogue: StripeCatalogue, window: Window, listed_at: datetime
) -> Iterator[Sequence[RawRecord]]:
    """Pages of records of type `object.<type>`. Raises as `Client.page`."""
    claimed: set[str] = set()
    for question, rows in ask_all(client, _questions(catalogue, window)):
        things = [json.loads(bytes(row)) for row in rows]
        if question.path == "/v1/invoice_payments":
            claimed.update(filter(None, map(paid_by, things)))
        wanted = [thing for thing in things if _is_of(thing, window)]
        if wanted:
            yield [_record(client, catalogue, thing, listed_at) for thing in wanted]
    for _, rows in ask_all(client, [_question("payment_intents", window, expand=["data.latest_charge"])]):
        things = [json.loads(bytes(row)) for row in rows]
        wanted = [
            thing for thing in things if thing.get("status") == "succeeded" and thing["id"] not in claimed
        ]
        if wanted:
            yield [_record(client, catalogue, thing, listed_at) for thing in wanted]


def _questions(catalogue: StripeCatalogue, window: Window) -> list[Question]:
    """Everything but one-off payments, which are asked for when it is known which are not."""
    long_before = Window(window.start - timedelta(days=catalogue.api.invoice_margin_days), window.end)
    around = Window(window.start - DAY, window.end + DAY)
    return [
        *(
            _question("invoices", long_before, status=status, expand=["data.payments"])
            for status in ("paid", "open", "uncollectible")
        ),
        _question("invoice_payments", around, status="paid"),
        _question("refunds", window),
        _question("disputes", window),
        _question("credit_notes", window),
        _question("subscriptions", window, status="all"),
        _question("subscriptions", window, by="current_period_start", status="all"),
    ]


def _question(name: str, window: Window, by: str = "created", **filters: Any) -> Question:
    return Question(
        path=f"/v1/{name}",
        low=int(window.start.timestamp()),
        high=int(window.end.timestamp()),
        by=by,
        filters=filters,
    )


def _is_of(thing: dict[str, Any], window: Window) -> bool:
    """Whether it says something of the window; of an invoice, its payment or its end must lie in there."""
    if thing.get("object") != "invoice":
        return True
    transitions = thing.get("status_transitions") or {}
    moments = [transitions.get(name) for name in ("paid_at", "marked_uncollectible_at")]
    if any(at is not None and datetime.fromtimestamp(at, UTC) in window for at in moments):
        return True
    return not any(moments) and bool(thing.get("amount_paid"))


def _record(
    client: Client, catalogue: StripeCatalogue, thing: dict[str, Any], listed_at: datetime
) -> RawRecord:
    lines = thing.get("lines")
    if thing.get("object") == "invoice" and isinstance(lines, dict) and lines.get("has_more"):
        thing["lines"] = lines | {"data": every_line(client, str(thing["id"])), "has_more": False}
    named = references(thing)
    return listed_record(
        thing,
        object_type=str(thing["object"]),
        object_id=str(thing["id"]),
        created_at=datetime.fromtimestamp(thing["created"], UTC),
        listed_at=listed_at,
        livemode=bool(thing.get("livemode")),
        api_version=catalogue.api.version,
        customer_ref=named.customer,
        invoice_ref=named.invoice,
        payment_ref=named.payment,
    )
