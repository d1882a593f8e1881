"""HTTP connections that a vendor can cut: what uvicorn must be run with so that `drop_reply` is real.

uvicorn.Config(app, http=CuttableHttp)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CONNECTION = "sandbox.connection"


class CuttableHttp(HttpToolsProtocol):
    """uvicorn's own protocol, with the connection's transport laid into each request's scope."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wrap the application for this connection."""
        super().connection_made(transport)
        application = self.app

        async def with_connection(scope: Any, receive: Any, send: Any) -> None:
            scope[CONNECTION] = transport
            await application(scope, receive, send)

        self.app = with_connection


class Cut:
    """An ASGI response that is none: the client sees its connection closed without an answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Abort the transport and wait until the server noticed."""
        connection = scope.get(CONNECTION)
        if connection is None:
            raise RuntimeError("the server must be run with http=CuttableHttp to cut connections")
        connection.abort()
        while (await receive())["type"] != "http.disconnect":
            pass
