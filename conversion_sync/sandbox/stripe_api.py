"""Stripe's REST API over the business: events, invoices, payments, refunds, customers, subscriptions.

Source: specs/billing.md §1.4, §1.8, §1.9, §1.10. Objects and events that lie after the sandbox's clock do
not exist yet, and the others look as they do at its time. An object is read in the shape of the version
that the request names, the newest without one; an event keeps its own. One thing differs from the real API:
a live key also sees the test-mode objects, so that a client which forgets to look at `livemode` is found out.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from conversion_sync.sandbox.business import Business
from conversion_sync.sandbox.exchange import Call, Reply, endpoint, respond
from conversion_sync.sandbox.stripe_answers import (
    no_such,
    no_such_url,
    plain_refusal,
    unknown_parameter,
)
from conversion_sync.sandbox.stripe_query import (
    FILTERS,
    PERIODS,
    RefusedError,
    bounds,
    check_key,
    check_parameters,
    cursor,
    event_types,
    expansions,
    not_expandable,
    page_size,
)
from conversion_sync.sandbox.stripe_shapes import LAST_OLD_VERSION, NEW_VERSION, Json
from conversion_sync.sandbox.stripe_shelves import Item, Shelf, StripeData, Wanted
from conversion_sync.sandbox.vendors import Vendors

Look = Callable[[Item], Json]

EXPANDABLE = {
    "charge": "charges",
    "customer": "customers",
    "invoice": "invoices",
    "latest_charge": "charges",
    "payment_intent": "payment_intents",
    "subscription": "subscriptions",
}
FINISHED = frozenset({"canceled", "incomplete_expired"})
"""Subscriptions that a list without `status` leaves out."""


@dataclass(frozen=True, slots=True)
class _Api:
    """What every answer needs. `retention` is how long events stay listed, None for ever; `late` how long
    some of them are not listed yet.
    """

    data: StripeData
    vendors: Vendors
    retention: timedelta | None
    late: timedelta

    def now(self) -> datetime:
        return self.vendors.clock.now()

    def oldest(self, name: str) -> datetime | None:
        """Since when a list is kept."""
        return None if self.retention is None or name != "events" else self.now() - self.retention

    def look(self, call: Call) -> Look:
        """How objects look to a request: now, in the version it names."""
        now, old = self.now(), call.headers.get("stripe-version", NEW_VERSION) <= LAST_OLD_VERSION
        return lambda item: item.render(now, old)


Answer = Callable[[_Api, Call], Reply]


def app(
    vendors: Vendors, business: Business, retention: timedelta | None, late: timedelta = timedelta()
) -> Starlette:
    """The API as an application; `retention` is how long events stay listed, None for ever.

    Every third event is listed only `late` after it was made: the list is consistent in the end.
    """
    api = _Api(StripeData(business), vendors, retention, late)
    methods = ["GET", "POST", "DELETE"]
    return Starlette(
        routes=[
            Route("/v1/invoices/{id}/lines", _serve(api, _invoice_lines), methods=methods),
            Route("/v1/{name}", _serve(api, _list_objects), methods=methods),
            Route("/v1/{name}/{id}", _serve(api, _one_object), methods=methods),
            Route("/{rest:path}", _serve(api, _nothing_there), methods=methods),
        ]
    )


def _serve(api: _Api, answer: Answer) -> Callable[[Request], Awaitable[Any]]:
    """The endpoint around an answer: the key is looked at first, faults speak Stripe's language."""

    def guarded(vendors: Vendors, call: Call) -> Reply:
        try:
            check_key(call, vendors.credentials.stripe_key)
            return answer(api, call)
        except RefusedError as refused:
            return refused.reply

    async def handle(request: Request) -> Any:
        """Read-only: everything but a GET is an address that does not exist."""
        wanted = guarded if request.method == "GET" else _wrong_method(request.method)
        response = await endpoint(api.vendors, "stripe", wanted, lambda _: "stripe")(request)
        if not isinstance(response, Response):
            return response
        if response.status_code >= 400 and not response.body:
            kept = {key: value for key, value in response.headers.items() if not key.startswith("content-")}
            response = respond(plain_refusal(response.status_code, kept))
        response.headers["request-id"] = f"req_{uuid.uuid4().hex[:14]}"
        return response

    return handle


def _wrong_method(method: str) -> Callable[[Vendors, Call], Reply]:
    return lambda _, call: no_such_url(method, call.path)


# -- lists -----------------------------------------------------------------------------------------------


def _list_objects(api: _Api, call: Call) -> Reply:
    name = call.path_values["name"]
    shelf = api.data.shelves.get(name)
    if shelf is None:
        return no_such_url("GET", call.path)
    check_parameters(name, call)
    now = api.now()
    low, high = bounds(call, now)
    oldest = api.oldest(name)
    if oldest is not None:
        low = max(low or oldest, oldest)
    wanted = Wanted(
        low=low,
        high=high,
        marks={
            key: value
            for key, value in call.query.items()
            if key in FILTERS[name] and key not in LOOKED_AT and not key.startswith(PERIODS)
        },
        accepts=_accepts(api, name, call),
        size=page_size(call),
        after=cursor(shelf, name, call, "starting_after", now, oldest),
        before=cursor(shelf, name, call, "ending_before", now, oldest),
    )
    return _page(api, call, shelf, wanted)


FAR = datetime(9000, 1, 1, tzinfo=UTC)
LOOKED_AT = frozenset({"status", "type", "delivery_success"})
"""Filters that need more than a comparison with what an object always was."""


def _page(api: _Api, call: Call, shelf: Shelf, wanted: Wanted) -> Reply:
    found, more = shelf.page(wanted)
    bodies = [_expanded(api, call, item, "data.") for item in found]
    return Reply(body={"object": "list", "data": bodies, "has_more": more, "url": call.path})


def _accepts(api: _Api, name: str, call: Call) -> Callable[[Item], bool]:
    look = api.look(call)
    if name == "events":
        return _accepts_event(api, call)
    status, spans = call.query.get("status"), _periods(call) if name == "subscriptions" else {}

    def accepts(item: Item) -> bool:
        if name == "subscriptions":
            seen = look(item)
            period = seen["items"]["data"][0] | seen
            if any(not low <= period[key] < high for key, (low, high) in spans.items()):
                return False
            if status is None:
                return bool(seen["status"] not in FINISHED)
        return (
            status is None or (name == "subscriptions" and status == "all") or look(item)["status"] == status
        )

    return accepts


def _accepts_event(api: _Api, call: Call) -> Callable[[Item], bool]:
    """Those of the types that are listed by now."""
    types, now = event_types(call), api.now()
    stems = tuple(kind[:-1] for kind in types if kind.endswith("*"))

    def accepts(item: Item) -> bool:
        if api.late and zlib.crc32(item.id.encode()) % 3 == 0 and item.at + api.late > now:
            return False
        return not types or item.marks["type"] in types or item.marks["type"].startswith(stems)

    return accepts


def _periods(call: Call) -> dict[str, tuple[float, float]]:
    """Bounds of the billing period, in seconds."""
    spans = {}
    for key in PERIODS:
        if any(name.startswith(key) for name in call.query):
            low, high = bounds(call, FAR, key)
            spans[key] = (low.timestamp() if low else 0.0, high.timestamp())
    return spans


# -- single objects --------------------------------------------------------------------------------------


def _one_object(api: _Api, call: Call) -> Reply:
    name, wanted = call.path_values["name"], call.path_values["id"]
    shelf, now = api.data.shelves.get(name), api.now()
    if shelf is None:
        return no_such_url("GET", call.path)
    for key in call.query:
        if not key.startswith("expand["):
            return unknown_parameter(key)
    item, oldest = shelf.find(wanted), api.oldest(name)
    if item is None or item.at > now or (oldest is not None and item.at < oldest):
        return no_such(name.removesuffix("s"), wanted)
    return Reply(body=_expanded(api, call, item, ""))


def _invoice_lines(api: _Api, call: Call) -> Reply:
    invoice = api.data.shelves["invoices"].find(call.path_values["id"])
    now = api.now()
    if invoice is None or invoice.at > now:
        return no_such("invoice", call.path_values["id"])
    check_parameters("lines", call)
    shelf = api.data.lines(invoice.id)
    wanted = Wanted(
        low=None,
        high=now + timedelta(microseconds=1),
        marks={},
        accepts=lambda _: True,
        size=page_size(call),
        after=cursor(shelf, "lines", call, "starting_after", now),
        before=cursor(shelf, "lines", call, "ending_before", now),
    )
    return _page(api, call, shelf, wanted)


def _nothing_there(_: _Api, call: Call) -> Reply:
    return no_such_url("GET", call.path)


# -- expansion -------------------------------------------------------------------------------------------


def _expanded(api: _Api, call: Call, item: Item, prefix: str) -> Json:
    look = api.look(call)
    body = look(item)
    for path in expansions(call, prefix):
        body = _expand(api, body, path, look)
    return body


def _expand(api: _Api, body: Json, path: list[str], look: Look) -> Json:
    """The object with what one path names put in place of its id."""
    name, *rest = path
    if body["object"] == "invoice" and name == "payments":
        found = api.data.invoice_with_payments(body["id"], api.now())["payments"]
        return body | {name: found}
    if name not in EXPANDABLE or name not in body:
        raise RefusedError(not_expandable(".".join(path)))
    value = body[name]
    if isinstance(value, str):
        item = api.data.shelves[EXPANDABLE[name]].find(value)
        value = None if item is None else look(item)
    return body | {name: _expand(api, value, rest, look) if rest and value is not None else value}
