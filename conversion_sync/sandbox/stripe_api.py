"""Stripe's REST API over the business: events, invoices, payments, refunds, customers, subscriptions.

Source: specs/billing.md §1.4, §1.8, §1.9, §1.10. Lists are newest first and page by cursor. Objects and
events that lie after the sandbox's clock do not exist yet.
"""

from __future__ import annotations

import base64
import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route

from conversion_sync.sandbox.business import Business, Customer, Invoice
from conversion_sync.sandbox.exchange import Call, Reply, endpoint
from conversion_sync.sandbox.stripe_events import Event, events_of
from conversion_sync.sandbox.stripe_shapes import (
    Json,
    charge_object,
    customer_object,
    invoice_object,
    invoice_payment_object,
    line_object,
    payment_intent_object,
    refund_object,
    subscription_object,
)
from conversion_sync.sandbox.vendors import Vendors

MOST_TYPES = 20
PAGING = {"limit", "starting_after", "ending_before"}
CREATED = {"created", "created[gt]", "created[gte]", "created[lt]", "created[lte]"}


@dataclass(frozen=True, slots=True)
class Listed:
    """Something that can be listed: its id, when it came to be, how it is rendered."""

    id: str
    at: datetime
    render: Callable[[], Json]
    filters: tuple[tuple[str, str], ...] = ()


class StripeData:
    """The business in the order Stripe's lists need, built once."""

    def __init__(self, business: Business, retention: timedelta | None) -> None:
        self.retention = retention
        self.events = events_of(business)
        self.event_by_id = {event.id: event for event in self.events}
        self.event_times = [event.at for event in self.events]
        self.lists = {
            "invoices": _sorted(_invoices(business)),
            "invoice_payments": _sorted(_invoice_payments(business)),
            "refunds": _sorted(_refunds(business)),
            "customers": _sorted(_customers(business)),
            "subscriptions": _sorted(_subscriptions(business)),
            "charges": _sorted(_charges(business)),
            "payment_intents": _sorted(_payment_intents(business)),
        }
        self.by_id = {name: {item.id: item for item in items} for name, items in self.lists.items()}
        self.invoice = {
            invoice.id: (customer, invoice)
            for customer in business.customers
            for invoice in customer.invoices
        }


def app(vendors: Vendors, business: Business, retention: timedelta | None) -> Starlette:
    """The API as an application; `retention` is how long events stay listed, None for ever."""
    data = StripeData(business, retention)

    def route(path: str, answer: Callable[[StripeData, Vendors, Call], Reply]) -> Route:
        def guarded(vendors: Vendors, call: Call) -> Reply:
            refusal = _refuse_key(vendors, call)
            return refusal if refusal is not None else answer(data, vendors, call)

        return Route(path, endpoint(vendors, "stripe", guarded, lambda _: "stripe"), methods=["GET"])

    return Starlette(
        routes=[
            route("/v1/events", _list_events),
            route("/v1/events/{id}", _one_event),
            route("/v1/invoices/{id}/lines", _invoice_lines),
            route("/v1/{name}", _list_objects),
            route("/v1/{name}/{id}", _one_object),
        ]
    )


def _refuse_key(vendors: Vendors, call: Call) -> Reply | None:
    key = call.bearer
    scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        key = base64.b64decode(encoded).decode().partition(":")[0]
    if key == vendors.credentials.stripe_key:
        return None
    if not key:
        return _error(401, "You did not provide an API key.", "invalid_request_error")
    return _error(401, f"Invalid API Key provided: {key[:7]}****", "invalid_request_error")


def _list_events(data: StripeData, vendors: Vendors, call: Call) -> Reply:
    types = {value for key, value in call.query.items() if key == "type" or key.startswith("types[")}
    unknown = {key for key in call.query if key not in PAGING | CREATED | {"type", "delivery_success"}}
    unknown = {key for key in unknown if not key.startswith(("types[", "expand["))}
    if unknown:
        return _unknown_parameter(min(unknown))
    if len(types) > MOST_TYPES:
        return _error(400, "You may provide at most 20 types.", "invalid_request_error", "types")
    now = vendors.clock.now()
    oldest = None if data.retention is None else now - data.retention
    for cursor in ("starting_after", "ending_before"):
        event = data.event_by_id.get(call.query.get(cursor, ""))
        if cursor in call.query and (event is None or (oldest is not None and event.at < oldest)):
            return _error(
                400,
                f"The event {call.query[cursor]} is older than the retention period or does not exist.",
                "invalid_request_error",
                cursor,
            )
    chosen = _events_between(data, call, now, oldest)
    if types:
        chosen = [event for event in chosen if event.type in types or _wildcard(event.type, types)]
    return _page(call, "/v1/events", [Listed(event.id, event.at, event.body) for event in chosen])


def _wildcard(kind: str, types: set[str]) -> bool:
    return any(name.endswith("*") and kind.startswith(name[:-1]) for name in types)


def _events_between(data: StripeData, call: Call, now: datetime, oldest: datetime | None) -> Sequence[Event]:
    low, high = _bounds(call, now)
    if oldest is not None and (low is None or low < oldest):
        low = oldest
    first = 0 if low is None else bisect.bisect_left(data.event_times, low)
    return data.events[first : bisect.bisect_left(data.event_times, high)]


def _bounds(call: Call, now: datetime) -> tuple[datetime | None, datetime]:
    """[low, high) of `created`, in whole seconds, never after now."""
    one = timedelta(seconds=1)
    low: datetime | None = None
    high = now + timedelta(microseconds=1)
    for key, shift, upper in (
        ("created[gte]", timedelta(), False),
        ("created[gt]", one, False),
        ("created[lt]", timedelta(), True),
        ("created[lte]", one, True),
    ):
        if key in call.query:
            bound = datetime.fromtimestamp(int(call.query[key]), UTC) + shift
            if upper:
                high = min(high, bound)
            else:
                low = bound if low is None else max(low, bound)
    return low, high


def _one_event(data: StripeData, vendors: Vendors, call: Call) -> Reply:
    event = data.event_by_id.get(call.path_values["id"])
    if event is None or event.at > vendors.clock.now():
        return _missing("event", call.path_values["id"])
    return Reply(body=event.body())


def _list_objects(data: StripeData, vendors: Vendors, call: Call) -> Reply:
    name = call.path_values["name"]
    if name not in data.lists:
        return _error(404, f"Unrecognized request URL (GET: {call.path}).", "invalid_request_error")
    low, high = _bounds(call, vendors.clock.now())
    wanted = {
        key: value
        for key, value in call.query.items()
        if key not in PAGING | CREATED and not key.startswith("expand[") and value != "all"
    }
    known = {key for item in data.lists[name] for key, _ in item.filters}
    if stray := sorted(set(wanted) - known - {"payment[type]"}):
        return _unknown_parameter(stray[0])
    wanted.pop("payment[type]", None)
    chosen = [
        item
        for item in data.lists[name]
        if item.at < high
        and (low is None or item.at >= low)
        and all((key, value) in item.filters for key, value in wanted.items())
    ]
    if name == "invoices" and "data.payments" in call.query.values():
        chosen = [Listed(item.id, item.at, _expanded(data, item.id)) for item in chosen]
    return _page(call, f"/v1/{name}", chosen)


def _expanded(data: StripeData, invoice_id: str) -> Callable[[], Json]:
    customer, invoice = data.invoice[invoice_id]
    return lambda: invoice_object(customer, invoice, expanded=True)


def _one_object(data: StripeData, vendors: Vendors, call: Call) -> Reply:
    name, wanted = call.path_values["name"], call.path_values["id"]
    item = data.by_id.get(name, {}).get(wanted)
    if item is None or item.at > vendors.clock.now():
        return _missing(name.removesuffix("s"), wanted)
    if name == "invoices" and "payments" in call.query.values():
        return Reply(body=_expanded(data, wanted)())
    return Reply(body=item.render())


def _invoice_lines(data: StripeData, vendors: Vendors, call: Call) -> Reply:
    found = data.invoice.get(call.path_values["id"])
    if found is None or found[1].paid_at > vendors.clock.now():
        return _missing("invoice", call.path_values["id"])
    customer, invoice = found
    lines = [
        Listed(line.id, invoice.paid_at, lambda line=line: line_object(customer, line))  # type: ignore[misc]
        for line in reversed(invoice.lines)
    ]
    return _page(call, f"/v1/invoices/{invoice.id}/lines", lines)


def _page(call: Call, url: str, oldest_first: Sequence[Listed]) -> Reply:
    limit = call.query.get("limit", "10")
    if not limit.isdigit() or not 1 <= int(limit) <= 100:
        return _error(400, "limit must be between 1 and 100.", "invalid_request_error", "limit")
    size, items = int(limit), list(reversed(oldest_first))
    ids = [item.id for item in items]
    after, before = call.query.get("starting_after"), call.query.get("ending_before")
    if after is not None:
        items = items[ids.index(after) + 1 :] if after in ids else items
        page, more = items[:size], len(items) > size
    elif before is not None:
        items = items[: ids.index(before)] if before in ids else items
        page, more = items[-size:], len(items) > size
    else:
        page, more = items[:size], len(items) > size
    return Reply(
        body={"object": "list", "data": [item.render() for item in page], "has_more": more, "url": url},
        headers={"Request-Id": "req_sandbox"},
    )


def _error(status: int, message: str, kind: str, param: str | None = None, code: str | None = None) -> Reply:
    error: dict[str, Any] = {"message": message, "type": kind}
    if param:
        error["param"] = param
    if code:
        error["code"] = code
    return Reply(status=status, body={"error": error}, headers={"Request-Id": "req_sandbox"})


def _missing(kind: str, wanted: str) -> Reply:
    return _error(404, f"No such {kind}: '{wanted}'", "invalid_request_error", "id", "resource_missing")


def _unknown_parameter(name: str) -> Reply:
    return _error(
        400, f"Received unknown parameter: {name}", "invalid_request_error", name, "parameter_unknown"
    )


def _sorted(items: Iterator[Listed]) -> list[Listed]:
    return sorted(items, key=lambda item: (item.at, item.id))


def _each_invoice(business: Business) -> Iterator[tuple[Customer, Invoice]]:
    for customer in business.customers:
        for invoice in customer.invoices:
            yield customer, invoice


def _invoices(business: Business) -> Iterator[Listed]:
    for customer, invoice in _each_invoice(business):
        yield Listed(
            invoice.id,
            invoice.paid_at,
            lambda customer=customer, invoice=invoice: invoice_object(customer, invoice),  # type: ignore[misc]
            (("customer", customer.id), ("subscription", customer.subscription), ("status", "paid")),
        )


def _invoice_payments(business: Business) -> Iterator[Listed]:
    for customer, invoice in _each_invoice(business):
        if invoice.payment_intent:
            body = invoice_payment_object(customer, invoice)
            yield Listed(
                body["id"],
                invoice.paid_at,
                lambda body=body: body,  # type: ignore[misc]
                (
                    ("invoice", invoice.id),
                    ("payment[payment_intent]", invoice.payment_intent),
                    ("status", "paid"),
                ),
            )


def _refunds(business: Business) -> Iterator[Listed]:
    for customer, invoice in _each_invoice(business):
        for refund in invoice.refunds:
            body = refund_object(customer, invoice, refund, refund.history[-1][1])
            yield Listed(
                refund.id,
                refund.history[0][0],
                lambda body=body: body,  # type: ignore[misc]
                (("payment_intent", str(invoice.payment_intent)), ("charge", str(invoice.charge))),
            )


def _customers(business: Business) -> Iterator[Listed]:
    for customer in business.customers:
        yield Listed(
            customer.id,
            customer.created_at,
            lambda customer=customer: customer_object(customer),  # type: ignore[misc]
            (("email", customer.email),),
        )


def _subscriptions(business: Business) -> Iterator[Listed]:
    for customer in business.customers:
        last = customer.changes[-1]
        yield Listed(
            customer.subscription,
            customer.created_at,
            lambda customer=customer, last=last: subscription_object(customer, last),  # type: ignore[misc]
            (("customer", customer.id), ("status", last.status)),
        )


def _charges(business: Business) -> Iterator[Listed]:
    for customer, invoice in _each_invoice(business):
        if invoice.charge:
            body = charge_object(customer, invoice)
            yield Listed(
                invoice.charge,
                invoice.paid_at,
                lambda body=body: body,  # type: ignore[misc]
                (("customer", customer.id), ("payment_intent", str(invoice.payment_intent))),
            )


def _payment_intents(business: Business) -> Iterator[Listed]:
    for customer, invoice in _each_invoice(business):
        if invoice.payment_intent:
            body = payment_intent_object(customer, invoice)
            yield Listed(
                invoice.payment_intent,
                invoice.paid_at,
                lambda body=body: body,  # type: ignore[misc]
                (("customer", customer.id),),
            )
