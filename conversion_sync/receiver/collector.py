"""`POST /v1/click` and `/v1/identify`: what browsers tell, kept as they told it; 204 means it is on disk.

    origin ──► rate ──► cap ──► form ──► group commit ──► 204
    403        429      413     400      503 if the database is away

A body is JSON whatever its type says: browsers send text/plain without asking first, and `sendBeacon` does so
too. Who asks is read from the request alone: its address and its user agent. What it says is read when it is
landed (`clicks.collected`).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from conversion_sync.config.settings import Collector
from conversion_sync.receiver.bodies import Bodies, Refused
from conversion_sync.receiver.commit import Connection, GroupCommit, NotKept
from conversion_sync.receiver.messages import click_rows, user_rows
from conversion_sync.receiver.rate import Rate
from conversion_sync.receiver.tally import Tally
from conversion_sync.store.queries import driver_query

AWAY = 5
"""Seconds after which the database may be back."""
PREFLIGHT = {
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Max-Age": "86400",
}
AGENT = 1000
"""Characters of a user agent that are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One row of the inbox. `body` is JSON, `received_at` aware."""

    kind: str
    received_at: datetime
    visitor_id: str
    body: str = field(repr=False)
    user_agent: str | None = field(repr=False)
    ip_address: str | None = field(repr=False)


Inbox = GroupCommit[Sequence[Told]]
Parse = Callable[[bytes], tuple[str, list[dict[str, Any]]]]


def collector_routes(
    collector: Collector, inbox: Inbox, tally: Tally, clock: Callable[[], datetime]
) -> list[Route]:
    """Both routes, for the origins of the configuration."""
    bodies = Bodies(collector.body_limit_bytes)
    rate = Rate(collector.requests_per_minute, time.monotonic)

    async def answer(request: Request, kind: str, parse: Parse) -> tuple[int, str, int]:
        """The status, the words for it, and the seconds after which another try makes sense."""
        address = request.client.host if request.client else None
        if wait := rate.wait(address or ""):
            return 429, "too many requests", wait
        try:
            async with bodies.read(request) as body:
                visitor, rows = parse(body)
                now, agent = clock(), request.headers.get("user-agent", "")[:AGENT] or None
                await inbox.keep([_told(kind, now, visitor, row, agent, address) for row in rows])
        except ValidationError as fault:
            return 400, _words(fault), 0
        except Refused as refused:
            return refused.status, refused.words, 0
        except NotKept:
            return 503, "not kept; send it again", AWAY
        return 204, "", 0

    def route(path: str, kind: str, parse: Parse) -> Route:
        async def told(request: Request) -> Response:
            origin = request.headers.get("origin")
            if origin not in collector.origins:
                tally.count(path, "403 another origin")
                return PlainTextResponse("this origin is not allowed\n", 403)
            shared = {"Access-Control-Allow-Origin": origin, "Vary": "Origin"}
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=PREFLIGHT | shared)
            status, words, wait = await answer(request, kind, parse)
            tally.count(path, str(status))
            headers = shared | ({"Retry-After": str(wait)} if wait else {})
            return PlainTextResponse(f"{words}\n" if words else "", status, headers=headers)

        return Route(path, told, methods=["POST", "OPTIONS"])

    return [route("/v1/click", "click", click_rows), route("/v1/identify", "identify", user_rows)]


async def keep_told(connection: Connection, requests: Sequence[Sequence[Told]]) -> None:
    """The rows of many requests in one statement, committed and on disk when it returns."""
    rows = [row for request in requests for row in request]
    await connection.execute(
        driver_query("receiver/keep_collected"),
        {
            "kinds": [row.kind for row in rows],
            "times": [row.received_at for row in rows],
            "visitors": [row.visitor_id for row in rows],
            "bodies": [row.body for row in rows],
            "agents": [row.user_agent for row in rows],
            "addresses": [row.ip_address for row in rows],
        },
    )


def _told(
    kind: str, now: datetime, visitor: str, row: dict[str, Any], agent: str | None, address: str | None
) -> Told:
    return Told(
        kind=kind,
        received_at=now,
        visitor_id=visitor,
        body=json.dumps(row),
        user_agent=agent,
        ip_address=address,
    )


def _words(fault: ValidationError) -> str:
    """Where the form is wrong, without what stands there."""
    first = fault.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the body"
    return f"{place}: {first['msg']}"
