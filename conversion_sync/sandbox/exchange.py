"""One HTTP request at a vendor: counted in the books, subject to the fault plan, answered by a function."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp

from conversion_sync.sandbox.faults import Action
from conversion_sync.sandbox.sockets import Cut, Hang
from conversion_sync.sandbox.vendors import Vendors


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request as the vendor's code sees it. Header names are lower-case; `path_values` are the route's."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    path_values: Mapping[str, str]
    row_reason: str | None = None

    @property
    def bearer(self) -> str | None:
        """The token of the Authorization header."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token.strip() else None

    @property
    def form(self) -> Mapping[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """`body` is sent as JSON; text goes verbatim, None as an empty body."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Callable[[Vendors, Call], Reply]
AccountOf = Callable[[Call], str]
Endpoint = Callable[[Request], Awaitable[Response | ASGIApp]]


def endpoint(vendors: Vendors, vendor: str, answer: Answer, account: AccountOf) -> Any:
    """A Starlette endpoint around `answer`. `account` says whose request it is, for the concurrency."""

    async def handle(request: Request) -> Response | Cut | Hang:
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        call = Call(
            path=path,
            query=dict(request.query_params),
            headers=dict(request.headers),
            body=await request.body(),
            path_values=request.path_params,
        )
        with vendors.books.request(vendor, path, account(call)):
            return await _exchange(vendors, vendor, answer, call)

    return handle


async def _exchange(vendors: Vendors, vendor: str, answer: Answer, call: Call) -> Response | Cut | Hang:
    fault = vendors.faults.take(vendor, call.path, vendors.clock.now())
    if fault is None:
        return respond(await run_in_threadpool(answer, vendors, call))
    if fault.hang:
        return Hang()
    late = fault.after_accepting or fault.drop_reply
    if not late:
        await asyncio.sleep(fault.delay_seconds)
    if fault.close_before_reply or not await _held(vendors, vendor, call, fault, "before"):
        return Cut()
    planned = None
    if fault.status is not None:
        planned = respond(Reply(status=fault.status, body=fault.body, headers=fault.headers))
        if not fault.after_accepting:
            return _dripping(planned, fault.drip_seconds)
    if fault.row_reason is not None:
        call = replace(call, row_reason=fault.row_reason)
    answered = respond(await run_in_threadpool(answer, vendors, call))
    if late:
        await asyncio.sleep(fault.delay_seconds)
    if fault.drop_reply or not await _held(vendors, vendor, call, fault, "after"):
        return Cut()
    return _dripping(planned or answered, fault.drip_seconds)


def _dripping(answer: Response, seconds: float) -> Response:
    """The answer as it is, or with its body a byte at a time."""
    if not seconds:
        return answer

    async def drips() -> AsyncIterator[bytes]:
        for byte in bytes(answer.body):
            await asyncio.sleep(seconds)
            yield bytes([byte])

    return StreamingResponse(drips(), answer.status_code, dict(answer.headers))


async def _held(vendors: Vendors, vendor: str, call: Call, fault: Action, moment: str) -> bool:
    """Holds the request if the plan says so for this moment; whether it goes on."""
    return fault.hold != moment or await run_in_threadpool(vendors.holds.wait, vendor, call.path, moment)


def respond(reply: Reply) -> Response:
    """The HTTP form of a reply."""
    if reply.body is None:
        return Response(status_code=reply.status, headers=dict(reply.headers))
    if isinstance(reply.body, str):
        return Response(reply.body, reply.status, dict(reply.headers), media_type="text/html")
    text = json.dumps(reply.body, ensure_ascii=False, allow_nan=False)
    return Response(text, reply.status, dict(reply.headers), media_type="application/json")
