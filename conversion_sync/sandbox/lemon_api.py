"""Lemon Squeezy's JSON:API over the business: lists by page number, newest first, and single objects.

Source: specs/billing.md §4.1, §4.2. A page is a slice of what is there at its moment, so rows that come in
between push others on to later pages. There is no event feed, no date filter and no other order. One thing
differs from the real API: a live key also sees the test-mode objects, so that a client which forgets to look
at `test_mode` is found out.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from conversion_sync.sandbox.exchange import Call, Reply, endpoint, respond
from conversion_sync.sandbox.lemon_data import LemonData
from conversion_sync.sandbox.lemon_limit import PER_MINUTE, Minute
from conversion_sync.sandbox.lemon_query import (
    MEDIA,
    RefusedError,
    check_access,
    page,
    plain_refusal,
    refusal,
    wanted,
)
from conversion_sync.sandbox.lemon_rows import Json
from conversion_sync.sandbox.vendors import Vendors

BASE = "https://api.lemonsqueezy.com"
"""What links in answers begin with, wherever the sandbox listens."""
VERSION = {"jsonapi": {"version": "1.0"}}
Answer = Callable[[Vendors, LemonData, Call], Reply]


def app(vendors: Vendors, data: LemonData, *, limited: bool = True) -> Starlette:
    """The API as an application; `limited` says whether it minds how often it is asked."""
    minute = Minute() if limited else None
    methods = ["GET", "POST", "PATCH", "DELETE"]
    return Starlette(
        routes=[
            Route("/v1/{name}", _serve(vendors, data, minute, _list), methods=methods),
            Route("/v1/{name}/{id}", _serve(vendors, data, minute, _one), methods=methods),
            Route("/{rest:path}", _serve(vendors, data, minute, _nothing), methods=methods),
        ]
    )


def _serve(
    vendors: Vendors, data: LemonData, minute: Minute | None, answer: Answer
) -> Callable[[Request], Awaitable[Any]]:
    """The endpoint around an answer: key and limit come first, faults speak JSON:API."""

    def guarded(vendors: Vendors, call: Call) -> Reply:
        try:
            check_access(call, vendors.credentials.lemon_squeezy_key)
        except RefusedError as refused:
            return refused.reply
        left = PER_MINUTE if minute is None else minute.take(vendors.clock.now())
        if left is None:
            return refusal(429, "Too Many Attempts.")
        try:
            reply = answer(vendors, data, call)
        except RefusedError as refused:
            reply = refused.reply
        limits = {"X-Ratelimit-Limit": str(PER_MINUTE), "X-Ratelimit-Remaining": str(left)}
        return Reply(status=reply.status, body=reply.body, headers={**reply.headers, **limits})

    async def handle(request: Request) -> Any:
        """Read-only here."""
        how = guarded if request.method == "GET" else _wrong_method(request.method)
        response = await endpoint(vendors, "lemon_squeezy", how, lambda _: "lemon_squeezy")(request)
        if not isinstance(response, Response):
            return response
        if response.status_code >= 400 and not response.body:
            kept = {key: value for key, value in response.headers.items() if not key.startswith("content-")}
            response = respond(plain_refusal(response.status_code, kept))
        if response.headers.get("content-type") == "application/json":
            response.headers["content-type"] = MEDIA
        return response

    return handle


def _wrong_method(method: str) -> Callable[[Vendors, Call], Reply]:
    return lambda _, call: refusal(405, f"The {method} method is not supported for route {call.path}.")


def _list(vendors: Vendors, data: LemonData, call: Call) -> Reply:
    name = call.path_values["name"]
    table = data.tables.get(name)
    if table is None:
        return _nothing(vendors, data, call)
    accepts, (number, size) = wanted(name, call), page(call)
    now = vendors.clock.now()
    rows = table.seen(now, accepts)
    first = (number - 1) * size
    shown = rows[first : first + size]
    last = max(-(-len(rows) // size), 1)
    body: Json = {
        "meta": {
            "page": {
                "currentPage": number,
                "from": first + 1 if shown else None,
                "lastPage": last,
                "perPage": size,
                "to": first + len(shown) if shown else None,
                "total": len(rows),
            }
        },
        **VERSION,
        "links": _links(call, number, size, last),
        "data": [row.resource(now, BASE, now) for row in shown],
    }
    return Reply(body=body)


def _links(call: Call, number: int, size: int, last: int) -> Mapping[str, str]:
    asked = {key: value for key, value in call.query.items() if not key.startswith("page[")}

    def link(to: int) -> str:
        query = asked | {"page[number]": to, "page[size]": size, "sort": "-createdAt"}
        return f"{BASE}{call.path}?{urlencode(query)}"

    found = {"first": link(1), "last": link(last)}
    if number < last:
        found["next"] = link(number + 1)
    if number > 1:
        found["prev"] = link(number - 1)
    return found


def _one(vendors: Vendors, data: LemonData, call: Call) -> Reply:
    table = data.tables.get(call.path_values["name"])
    row = None if table is None else table.find(call.path_values["id"])
    now = vendors.clock.now()
    if row is None or row.at(now) is None:
        return _nothing(vendors, data, call)
    found = row.resource(now, BASE, now)
    return Reply(body={**VERSION, "links": found["links"], "data": found})


def _nothing(_: Vendors, __: LemonData, ___: Call) -> Reply:
    return refusal(404, "The requested resource was not found.")
