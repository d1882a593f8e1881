"""The sandbox's own interface: the truth, the vendors' books, faults, the clock. No vendor has this."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from pydantic import TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from conversion_sync.sandbox.books import Books
from conversion_sync.sandbox.business import Business
from conversion_sync.sandbox.clock import Clock
from conversion_sync.sandbox.faults import Rule
from conversion_sync.sandbox.grants import change
from conversion_sync.sandbox.holds import Holds
from conversion_sync.sandbox.lemon_api import BASE
from conversion_sync.sandbox.lemon_data import LemonData
from conversion_sync.sandbox.lemon_truth import lemon_truth
from conversion_sync.sandbox.paddle_truth import paddle_truth
from conversion_sync.sandbox.truth import Json, totals, truth
from conversion_sync.sandbox.vendors import Vendors

PROMISES = TypeAdapter(dict[str, bool])


def app(vendors: Vendors, business: Business, lemons: LemonData) -> Starlette:
    """Read what happened, and change what will happen."""

    def read(path: str, answer: Callable[[], object]) -> Route:
        async def handle(_: Request) -> JSONResponse:
            return JSONResponse(await run_in_threadpool(answer))

        return Route(path, handle, methods=["GET"])

    async def change_faults(request: Request) -> JSONResponse:
        if request.method == "DELETE":
            vendors.faults.clear()
            await run_in_threadpool(vendors.mind_the_doors)
            return JSONResponse({"faults": []})
        try:
            rules = [Rule.model_validate(rule) for rule in await request.json()]
        except ValidationError as fault:
            return JSONResponse({"error": str(fault)}, status_code=422)
        for rule in rules:
            vendors.faults.add(rule)
        await run_in_threadpool(vendors.mind_the_doors)
        return JSONResponse({"faults": vendors.faults.to_json()})

    async def change_clock(request: Request) -> JSONResponse:
        try:
            _move(vendors.clock, await request.json())
        except (TypeError, ValueError) as fault:
            return JSONResponse({"error": str(fault)}, status_code=422)
        await run_in_threadpool(vendors.mind_the_doors)
        return JSONResponse({"now": vendors.clock.now().isoformat()})

    return Starlette(
        routes=[
            read("/health", lambda: {"ok": True}),
            read("/truth", lambda: truth(business)),
            read("/truth/paddle", lambda: paddle_truth(business)),
            read("/truth/totals", lambda: totals(business)),
            read("/truth/lemon_squeezy", lambda: lemon_truth(business)),
            read("/webhooks/lemon_squeezy", lambda: _sent(vendors, lemons)),
            read("/ledger", vendors.books.dump),
            read("/ledger/totals", vendors.books.totals),
            read("/requests", lambda: vendors.books.requests),
            read("/requests/log", vendors.books.request_log),
            read("/faults", lambda: {"faults": vendors.faults.to_json()}),
            read("/clock", lambda: {"now": vendors.clock.now().isoformat()}),
            Route("/faults", change_faults, methods=["POST", "DELETE"]),
            Route("/clock", change_clock, methods=["POST"]),
            read("/holds", lambda: {"held": vendors.holds.to_json()}),
            read("/dedup", vendors.books.dedup),
            *_copies(vendors.books),
            _holds(vendors.holds),
            _standing(vendors),
            _oauth(vendors),
        ]
    )


def _copies(books: Books) -> list[Route]:
    """`POST /dedup` with `{"tiktok": false}` makes every copy count there; `DELETE /ledger` begins anew."""

    async def change(request: Request) -> JSONResponse:
        try:
            books.keep_promises(PROMISES.validate_python(await request.json()))
        except ValueError as fault:
            return JSONResponse({"error": str(fault)}, status_code=422)
        return JSONResponse(books.dedup())

    async def forget(_: Request) -> JSONResponse:
        books.forget()
        return JSONResponse([])

    return [Route("/dedup", change, methods=["POST"]), Route("/ledger", forget, methods=["DELETE"])]


def _holds(holds: Holds) -> Route:
    """`DELETE /holds` lets every held request go on; with `?cut` it loses their connections."""

    async def let_go(request: Request) -> JSONResponse:
        return JSONResponse({"let_go": holds.release(cut="cut" in request.query_params)})

    return Route("/holds", let_go, methods=["DELETE"])


def _standing(vendors: Vendors) -> Route:
    """`POST /google_ads` with members of `Standing` to change, `DELETE` for the one it began with."""

    async def change(request: Request) -> JSONResponse:
        if request.method == "DELETE":
            vendors.google_ads.reset()
        else:
            try:
                vendors.google_ads.change(**await request.json())
            except (TypeError, ValidationError) as fault:
                return JSONResponse({"error": str(fault)}, status_code=422)
        return JSONResponse(vendors.google_ads.now.model_dump(mode="json"))

    return Route("/google_ads", change, methods=["POST", "DELETE"])


def _sent(vendors: Vendors, lemons: LemonData) -> list[Json]:
    """The webhooks Lemon Squeezy sent so far, oldest first: when, which, and the body."""
    return [
        {"at": sent.at.isoformat(), "event": sent.event, "body": sent.body}
        for sent in lemons.webhooks(BASE, vendors.clock.now())
    ]


def _oauth(vendors: Vendors) -> Route:
    """`POST /oauth/<vendor>` changes how its tokens behave, see `grants.change`."""

    async def alter(request: Request) -> JSONResponse:
        try:
            now = change(vendors, request.path_params["vendor"], await request.json())
        except ValueError as fault:
            return JSONResponse({"error": str(fault)}, status_code=422)
        return JSONResponse(dict(now))

    return Route("/oauth/{vendor}", alter, methods=["POST"])


def _move(clock: Clock, wish: Json) -> None:
    if "freeze" in wish:
        clock.freeze(datetime.fromisoformat(wish["freeze"]))
    if "shift_seconds" in wish:
        clock.shift(timedelta(seconds=wish["shift_seconds"]))
    if wish.get("run"):
        clock.run()
