"""Paddle Billing's REST API over the business: events, transactions, adjustments, subscriptions, customers.

Source: specs/billing.md §3.1-§3.3. What lies after the sandbox's clock does not exist yet, and the rest
looks as it does at its time; a few events appear in the list some seconds late. Reads only.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from conversion_sync.sandbox.exchange import Call, Reply, endpoint, respond
from conversion_sync.sandbox.paddle_query import (
    RefusedError,
    bad_field,
    check_key,
    check_parameters,
    moment,
    order,
    page_size,
    plain_refusal,
    refusal,
    time_tests,
)
from conversion_sync.sandbox.paddle_shapes import Json
from conversion_sync.sandbox.paddle_shelves import Item, PaddleData, Wanted
from conversion_sync.sandbox.vendors import Vendors

RETENTION = timedelta(days=90)
"""How long events stay listed."""
PER_MINUTE = 240
"""Requests an address may make in a minute."""
MINUTE = timedelta(minutes=1)
MEMBERS = {
    "transactions": frozenset({"status", "origin", "subscription_id", "collection_mode", "invoice_number"}),
    "adjustments": frozenset({"action", "status", "subscription_id"}),
    "subscriptions": frozenset({"status", "collection_mode", "address_id"}),
    "customers": frozenset({"status"}),
    "events": frozenset[str](),
}
"""Filters that need a look at the object as it is now."""


@dataclass(slots=True)
class Budget:
    """What an address asked in the last minute of the sandbox's clock."""

    limit: int | None
    lock: Lock = field(default_factory=Lock)
    asked: deque[datetime] = field(default_factory=deque)

    def wait(self, now: datetime) -> int | None:
        """None where the request may pass, else the seconds to wait."""
        if self.limit is None:
            return None
        with self.lock:
            while self.asked and (self.asked[0] <= now - MINUTE or self.asked[0] > now):
                self.asked.popleft()
            if len(self.asked) < self.limit:
                self.asked.append(now)
                return None
            return int((self.asked[0] + MINUTE - now).total_seconds()) + 1


@dataclass(frozen=True, slots=True)
class _Api:
    """What every answer needs."""

    data: PaddleData
    vendors: Vendors
    budget: Budget

    def now(self) -> datetime:
        return self.vendors.clock.now()


Answer = Callable[[_Api, Call], Reply]


def app(vendors: Vendors, data: PaddleData, *, limited: bool = True) -> Starlette:
    """The API as an application; without `limited` an address may ask as often as it likes."""
    api = _Api(data, vendors, Budget(PER_MINUTE if limited else None))
    methods = ["GET", "POST", "PATCH", "DELETE"]
    return Starlette(
        routes=[
            Route("/{name}", _serve(api, _list), methods=methods),
            Route("/{name}/{id}", _serve(api, _one), methods=methods),
            Route("/{rest:path}", _serve(api, _nothing_there), methods=methods),
        ]
    )


def _serve(api: _Api, answer: Answer) -> Callable[[Request], Awaitable[Any]]:
    """The endpoint around an answer: limit, key, then the rest; faults speak Paddle's language."""

    async def handle(request: Request) -> Any:
        def guarded(_: Vendors, call: Call) -> Reply:
            wait = api.budget.wait(api.now())
            if wait is not None:
                said = "Too many requests, please retry later."
                return refusal(429, "too_many_requests", said, Retry_After=str(wait))
            try:
                check_key(call, api.vendors.credentials.paddle_key)
                if request.method != "GET":
                    return refusal(405, "method_not_allowed", "The requested method isn't supported.")
                return _linked(answer(api, call), str(request.base_url).rstrip("/"))
            except RefusedError as refused:
                return refused.reply

        response = await endpoint(api.vendors, "paddle", guarded, lambda _: "paddle")(request)
        if not isinstance(response, Response):
            return response
        if response.status_code >= 400 and not response.body:
            kept = {key: value for key, value in response.headers.items() if not key.startswith("content-")}
            response = respond(plain_refusal(response.status_code, kept))
        response.headers["paddle-request-id"] = uuid.uuid4().hex
        return response

    return handle


def _linked(reply: Reply, base: str) -> Reply:
    """With the absolute address of the next page, as Paddle gives it."""
    pagination = reply.body.get("meta", {}).get("pagination")
    if pagination is not None:
        pagination["next"] = base + pagination["next"]
    return reply


def _list(api: _Api, call: Call) -> Reply:
    name = call.path_values["name"]
    shelf = api.data.shelves.get(name)
    if shelf is None:
        return _nothing_there(api, call)
    check_parameters(name, call)
    now, size = api.now(), page_size(name, call)
    by, descending = order(name, call)
    low, high = (moment(key, call.query[key]) if key in call.query else None for key in ("from", "to"))
    if name == "events":
        low = max(low or now - RETENTION, now - RETENTION)
    accepts = _accepts(name, call, now, low, high)
    after = call.query.get("after")
    if by == "id":
        found, left = shelf.page(
            Wanted(low=low, high=high, accepts=accepts, size=size, descending=descending, after=after)
        )
    else:
        found, left = _by_time(
            [item for item in shelf.items if accepts(item)], by, descending, after, now, size
        )
    query = dict(call.query) | {"after": found[-1].id if found else (after or ""), "per_page": str(size)}
    pagination = {
        "per_page": size,
        "next": f"{call.path}?{urlencode(query)}",
        "has_more": left > size,
        "estimated_total": left,
    }
    body = {
        "data": [_with(item, item.render(now), call.query.get("include")) for item in found],
        "meta": {"request_id": uuid.uuid4().hex, "pagination": pagination},
    }
    return Reply(body=body)


def _with(item: Item, body: Json, include: str | None) -> Json:
    """The thing with what was asked for beside it."""
    for name in include.split(",") if include else ():
        if name not in item.related:
            raise bad_field("include", f"{name} cannot be included")
        body = body | {name: item.related[name]()}
    return body


def _by_time(
    items: list[Item], by: str, descending: bool, after: str | None, now: datetime, size: int
) -> tuple[list[Item], int]:
    """A page of things ordered by one of their times; those without one come last."""
    dated = [(item.render(now)[by] or "", item.id, item) for item in items]
    dated.sort(key=lambda entry: entry[:2], reverse=descending)
    ids = [entry[1] for entry in dated]
    start = ids.index(after) + 1 if after in ids else 0
    rest = [entry[2] for entry in dated[start:]]
    return rest[:size], len(rest)


def _accepts(
    name: str, call: Call, now: datetime, low: datetime | None, high: datetime | None
) -> Callable[[Item], bool]:
    chosen = {
        key: set(value.split(","))
        for key, value in call.query.items()
        if key not in {"from", "to", "after", "per_page", "order_by", "include", "filter", "search"}
        and "[" not in key
        and not key.endswith("_at")
    }
    ids, members = chosen.pop("id", None), {key: chosen.pop(key) for key in MEMBERS[name] & chosen.keys()}
    times, needle = time_tests(name, call), call.query.get("filter") or call.query.get("search")

    def accepts(item: Item) -> bool:
        if item.seen > now or (low is not None and item.at < low) or (high is not None and item.at > high):
            return False
        if ids is not None and item.id not in ids:
            return False
        if any(item.marks.get(key) not in values for key, values in chosen.items()):
            return False
        if not (members or times or needle):
            return True
        body = item.render(now)
        if needle is not None and needle not in str(body):
            return False
        return all(body[key] in values for key, values in members.items()) and all(
            body[key] is not None and holds(moment(key, body[key])) for key, holds in times
        )

    return accepts


def _one(api: _Api, call: Call) -> Reply:
    name, wanted = call.path_values["name"], call.path_values["id"]
    shelf, now = api.data.shelves.get(name), api.now()
    if shelf is None or name in {"events", "adjustments"}:
        return _nothing_there(api, call)
    found = next((item for item in shelf.items if item.id == wanted and item.seen <= now), None)
    if found is None:
        return refusal(404, "not_found", f"Entity {wanted} not found")
    return Reply(body={"data": found.render(now), "meta": {"request_id": uuid.uuid4().hex}})


def _nothing_there(_: _Api, call: Call) -> Reply:
    body: Json = dict(refusal(404, "invalid_url", f"The path {call.path} doesn't exist.").body)
    return Reply(status=404, body=body)
