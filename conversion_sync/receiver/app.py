"""The receiver as an ASGI application: its routes, and what lives as long as it does."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from conversion_sync.config.settings import Settings
from conversion_sync.pipeline.context import utc_now
from conversion_sync.receiver.bodies import Bodies
from conversion_sync.receiver.collector import Inbox, collector_routes, keep_told
from conversion_sync.receiver.commit import GroupCommit, NotKept, connector
from conversion_sync.receiver.snippet import snippet_routes
from conversion_sync.receiver.tally import Tally
from conversion_sync.receiver.webhooks import Delivery, keep_deliveries, webhook_routes

PATIENCE = 4.0
"""Seconds a request waits for its commit; Paddle wants its answer within five (specs/billing.md §7)."""


def app(
    settings: Settings,
    url: str,
    clock: Callable[[], datetime] = utc_now,
    revive: Callable[[], None] | None = None,
) -> Starlette:
    """All routes. `url` is the database's address; nothing connects before the first request.

    `revive` starts the database where it is the embedded one.
    """
    inbox: GroupCommit[Delivery] = GroupCommit(connector(url, revive), keep_deliveries, patience=PATIENCE)
    told: Inbox = GroupCommit(connector(url, revive), keep_told, patience=PATIENCE)
    bodies = Bodies(settings.receiver.body_limit_bytes)
    tally = Tally()
    routes = webhook_routes(settings, inbox, bodies, tally, clock)
    if settings.receiver.collector is not None:
        routes += [*collector_routes(settings.receiver.collector, told, tally, clock), *snippet_routes()]

    async def health(_request: Request) -> Response:
        """200 when a webhook could be kept now, 503 when the database is away."""
        try:
            await inbox.reach()
        except NotKept:
            return PlainTextResponse("the database does not answer\n", 503)
        return PlainTextResponse("ok\n")

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with tally.told(), inbox.running(), told.running():
            yield

    return Starlette(
        routes=[Route("/health", health), *routes],
        lifespan=lifespan,
        middleware=_proxies(settings.receiver.trusted_proxies),
    )


def _proxies(trusted: Sequence[str]) -> list[Middleware]:
    """Reads who asks from X-Forwarded-For, as far as it was written by proxies that are trusted."""
    return [Middleware(ProxyHeadersMiddleware, trusted_hosts=[*trusted])] if trusted else []
