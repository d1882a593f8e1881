"""Stripe's REST API over the business: events, invoices, payments, refunds, customers, subscriptions.

Source: specs/billing.md §1.4, §1.8, §1.9, §1.10. Objects and events that lie after the sandbox's clock do
not exist yet, and the others look as they do at its time. One thing differs from the real API: a live key
also sees the test-mode objects, so that a client which forgets to look at `livemode` is found out.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from collections.abc import Awaitable, Callable, Mapping
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
    bad_parameter,
    no_such,
    no_such_url,
    plain_refusal,
    refusal,
    unknown_parameter,
)
from conversion_sync.sandbox.stripe_shapes import Json
from conversion_sync.sandbox.stripe_shelves import Item, Shelf, StripeData, Wanted
from conversion_sync.sandbox.vendors import Vendors

MOST_TYPES = 20
PAGING = frozenset({"limit", "starting_after", "ending_before"})
CREATED = frozenset({"created", "created[gt]", "created[gte]", "created[lt]", "created[lte]"})
FILTERS: Mapping[str, frozenset[str]] = {
    "events": frozenset({"type", "delivery_success"}),
    "customers": frozenset({"email"}),
    "subscriptions": frozenset({"customer", "status"}),
    "invoices": frozenset({"customer", "subscription", "status", "collection_method"}),
    "invoice_payments": frozenset({"invoice", "status", "payment[type]", "payment[payment_intent]"}),
    "payment_intents": frozenset({"customer"}),
    "charges": frozenset({"customer", "payment_intent"}),
    "refunds": frozenset({"charge", "payment_intent"}),
    "credit_notes": frozenset({"customer", "invoice"}),
    "lines": frozenset(),
}
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


class _RefusedError(Exception):
    """The request cannot be answered; carries what Stripe says."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


@dataclass(frozen=True, slots=True)
class _Api:
    """What every answer needs. `retention` is how long events stay listed, None for ever."""

    data: StripeData
    vendors: Vendors
    retention: timedelta | None

    def now(self) -> datetime:
        return self.vendors.clock.now()


Answer = Callable[[_Api, Call], Reply]


def app(vendors: Vendors, business: Business, retention: timedelta | None) -> Starlette:
    """The API as an application; `retention` is how long events stay listed, None for ever."""
    api = _Api(StripeData(business), vendors, retention)
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
            _check_key(vendors, call)
            return answer(api, call)
        except _RefusedError as refused:
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


def _check_key(vendors: Vendors, call: Call) -> None:
    key = call.bearer or ""
    scheme, _, encoded = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            key = base64.b64decode(encoded, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            key = ""
    if not key:
        raise _RefusedError(refusal(401, "You did not provide an API key."))
    if key != vendors.credentials.stripe_key:
        raise _RefusedError(refusal(401, f"Invalid API Key provided: {key[:7]}****{key[-4:]}"))


# -- lists -----------------------------------------------------------------------------------------------


def _list_objects(api: _Api, call: Call) -> Reply:
    name = call.path_values["name"]
    shelf = api.data.shelves.get(name)
    if shelf is None:
        return no_such_url("GET", call.path)
    _check_parameters(name, call)
    now = api.now()
    low, high = _bounds(call, now)
    oldest = None if api.retention is None or name != "events" else now - api.retention
    if oldest is not None:
        low = max(low or oldest, oldest)
    wanted = Wanted(
        low=low,
        high=high,
        marks={
            key: value for key, value in call.query.items() if key in FILTERS[name] and key not in LOOKED_AT
        },
        accepts=_accepts(name, call, now),
        size=_size(call),
        after=_cursor(shelf, name, call, "starting_after", oldest),
        before=_cursor(shelf, name, call, "ending_before", oldest),
    )
    return _page(api, call, shelf, wanted)


LOOKED_AT = frozenset({"status", "type", "delivery_success"})
"""Filters that need more than a comparison with what an object always was."""


def _page(api: _Api, call: Call, shelf: Shelf, wanted: Wanted) -> Reply:
    found, more = shelf.page(wanted)
    now = api.now()
    bodies = [_expanded(api, item.render(now), _expansions(call, "data."), now) for item in found]
    return Reply(body={"object": "list", "data": bodies, "has_more": more, "url": call.path})


def _accepts(name: str, call: Call, now: datetime) -> Callable[[Item], bool]:
    if name == "events":
        types = _types(call)
        if not types:
            return lambda _: True
        stems = tuple(kind[:-1] for kind in types if kind.endswith("*"))
        return lambda item: item.marks["type"] in types or item.marks["type"].startswith(stems)
    status = call.query.get("status")
    if name == "subscriptions" and status is None:
        return lambda item: item.render(now)["status"] not in FINISHED
    if status is None or (name == "subscriptions" and status == "all"):
        return lambda _: True
    return lambda item: item.render(now)["status"] == status


def _types(call: Call) -> set[str]:
    single = call.query.get("type")
    several = {value for key, value in call.query.items() if key.startswith("types[")}
    if single is not None and several:
        raise _RefusedError(
            bad_parameter("types", "You may only specify one of these parameters: type, types.")
        )
    if len(several) > MOST_TYPES:
        raise _RefusedError(bad_parameter("types", f"You may provide at most {MOST_TYPES} types."))
    if any("*" in kind for kind in several):
        raise _RefusedError(bad_parameter("types", "Wildcards are not allowed in types."))
    return several if single is None else {single}


def _check_parameters(name: str, call: Call) -> None:
    known = PAGING | FILTERS[name] | (frozenset() if name == "lines" else CREATED)
    for key in sorted(call.query):
        listed = key.startswith("expand[") or (name == "events" and key.startswith("types["))
        if key not in known and not listed:
            raise _RefusedError(unknown_parameter(key))
    if "starting_after" in call.query and "ending_before" in call.query:
        raise _RefusedError(
            bad_parameter("ending_before", "You cannot parameterize both starting_after and ending_before.")
        )


def _bounds(call: Call, now: datetime) -> tuple[datetime | None, datetime]:
    """[low, high) of `created`, in whole seconds, never after now."""
    second, none = timedelta(seconds=1), timedelta()
    lows: list[datetime] = []
    highs = [now + timedelta(microseconds=1)]
    for key, least, most in (
        ("created", none, second),
        ("created[gte]", none, None),
        ("created[gt]", second, None),
        ("created[lt]", None, none),
        ("created[lte]", None, second),
    ):
        if key not in call.query:
            continue
        at = _moment(key, call.query[key])
        lows += [] if least is None else [at + least]
        highs += [] if most is None else [at + most]
    return max(lows, default=None), min(highs)


def _moment(key: str, text: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        raise _RefusedError(bad_parameter(key, f"Invalid integer: {text}")) from None


def _size(call: Call) -> int:
    limit = call.query.get("limit", "10")
    if not limit.isdigit() or not 1 <= int(limit) <= 100:
        raise _RefusedError(bad_parameter("limit", "This value must be between 1 and 100."))
    return int(limit)


def _cursor(shelf: Shelf, name: str, call: Call, key: str, oldest: datetime | None) -> str | None:
    """The id a page begins at. An event past its retention is none. Source: specs/billing.md §1.8."""
    wanted = call.query.get(key)
    if wanted is None:
        return None
    item = shelf.find(wanted)
    if item is None:
        raise _RefusedError(no_such(name.removesuffix("s"), wanted, status=400, param=key))
    if oldest is not None and item.at < oldest:
        raise _RefusedError(
            bad_parameter(key, f"The event {wanted} is no longer available: it aged out of retention.")
        )
    return wanted


# -- single objects --------------------------------------------------------------------------------------


def _one_object(api: _Api, call: Call) -> Reply:
    name, wanted = call.path_values["name"], call.path_values["id"]
    shelf, now = api.data.shelves.get(name), api.now()
    if shelf is None:
        return no_such_url("GET", call.path)
    for key in call.query:
        if not key.startswith("expand["):
            return unknown_parameter(key)
    item = shelf.find(wanted)
    if item is None or item.at > now:
        return no_such(name.removesuffix("s"), wanted)
    return Reply(body=_expanded(api, item.render(now), _expansions(call, ""), now))


def _invoice_lines(api: _Api, call: Call) -> Reply:
    invoice = api.data.shelves["invoices"].find(call.path_values["id"])
    now = api.now()
    if invoice is None or invoice.at > now:
        return no_such("invoice", call.path_values["id"])
    _check_parameters("lines", call)
    shelf = api.data.lines(invoice.id)
    wanted = Wanted(
        low=None,
        high=now + timedelta(microseconds=1),
        marks={},
        accepts=lambda _: True,
        size=_size(call),
        after=_cursor(shelf, "lines", call, "starting_after", None),
        before=_cursor(shelf, "lines", call, "ending_before", None),
    )
    return _page(api, call, shelf, wanted)


def _nothing_there(_: _Api, call: Call) -> Reply:
    return no_such_url("GET", call.path)


# -- expansion -------------------------------------------------------------------------------------------


def _expansions(call: Call, prefix: str) -> list[list[str]]:
    """The paths asked for, without the prefix that a list demands."""
    paths = [value for key, value in sorted(call.query.items()) if key.startswith("expand[")]
    for path in paths:
        if not path.startswith(prefix):
            raise _RefusedError(_not_expandable(path))
    return [path.removeprefix(prefix).split(".") for path in paths]


def _expanded(api: _Api, body: Json, paths: list[list[str]], now: datetime) -> Json:
    for path in paths:
        body = _expand(api, body, path, now)
    return body


def _expand(api: _Api, body: Json, path: list[str], now: datetime) -> Json:
    """The object with what one path names put in place of its id."""
    name, *rest = path
    if body["object"] == "invoice" and name == "payments":
        found = api.data.invoice_with_payments(body["id"], now)["payments"]
        return body | {name: found}
    if name not in EXPANDABLE or name not in body:
        raise _RefusedError(_not_expandable(".".join(path)))
    value = body[name]
    if isinstance(value, str):
        item = api.data.shelves[EXPANDABLE[name]].find(value)
        value = None if item is None else item.render(now)
    return body | {name: _expand(api, value, rest, now) if rest and value is not None else value}


def _not_expandable(path: str) -> Reply:
    return bad_parameter("expand", f"This property cannot be expanded ({path}).")
