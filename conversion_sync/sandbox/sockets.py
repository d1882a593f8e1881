"""HTTP connections that a vendor can cut, leave hanging or refuse: what uvicorn must be run with for that.

uvicorn.Config(app, http=CuttableHttp)
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import uvicorn
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


class Hang:
    """An ASGI response that never comes: the request is read, then nothing, until the client gives up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wait for the client to go, then let the connection go too."""
        while (await receive())["type"] != "http.disconnect":
            pass
        await Cut()(scope, receive, send)


class Door(uvicorn.Server):
    """A vendor's server whose port can be closed for a while: connections are refused, none is cut."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.loop: asyncio.AbstractEventLoop | None = None
        self._kept: socket.socket | None = None
        self._turn = threading.Lock()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Remember whose loop this is."""
        self.loop = asyncio.get_running_loop()
        await super().startup(sockets=sockets)

    def stand(self, *, closed: bool) -> None:
        """Close the port, or open it again; nothing if it stands so already. From another thread."""
        with self._turn:
            if self.loop is not None and closed != (self._kept is not None):
                step = self._close() if closed else self._open()
                asyncio.run_coroutine_threadsafe(step, self.loop).result(timeout=10)

    async def _close(self) -> None:
        """Keeps the port without listening, so that nobody else gets it."""
        address = self.servers[0].sockets[0].getsockname()
        for server in self.servers:
            server.close()
        self.servers = []
        kept = socket.socket()
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        kept.bind(address)
        self._kept = kept

    async def _open(self) -> None:
        def connection() -> asyncio.Protocol:
            made: asyncio.Protocol = CuttableHttp(
                config=self.config, server_state=self.server_state, app_state=self.lifespan.state
            )
            return made

        if self._kept is not None:
            loop = asyncio.get_running_loop()
            self.servers = [await loop.create_server(connection, sock=self._kept, backlog=512)]
        self._kept = None
