"""A bound on a whole exchange over HTTP.

What `requests` bounds is each wait for the next byte: a peer that answers byte by byte would hold a
delivery, and with it the account's lock, for as long as it likes.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Timer
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager


class Bounded(HTTPAdapter):
    """A session's transport that can cut its connections while they are in use. One exchange at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._handles: list[socket.socket] = []
        self.over = False
        """Whether the last exchange took too long. What it gave may be a part that looks whole."""
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        """Makes the pools, whose connections are known here."""
        super().init_poolmanager(*arguments, **options)
        self._watch(self.poolmanager)

    def proxy_manager_for(self, *arguments: Any, **options: Any) -> ProxyManager:
        """The same for the connections to a proxy."""
        manager: ProxyManager = super().proxy_manager_for(*arguments, **options)
        self._watch(manager)
        return manager

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """An exchange that is not over after so many seconds loses its connection."""
        self.over = False
        timer = Timer(seconds, self._cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            with self._lock:
                while self._handles:
                    self._handles.pop().close()

    def _watch(self, manager: PoolManager) -> None:
        manager.pool_classes_by_scheme = {
            "http": _noted(HTTPConnectionPool, self._note),
            "https": _noted(HTTPSConnectionPool, self._note),
        }

    def _note(self, made: socket.socket) -> None:
        """Keeps a handle of its own: the connection's socket is handed on, to TLS and to the answer."""
        with self._lock:
            self._handles.append(made.dup())
        if self.over:
            self._cut()

    def _cut(self) -> None:
        self.over = True
        with self._lock:
            for handle in self._handles:
                with suppress(OSError):
                    handle.shutdown(socket.SHUT_RDWR)


def _noted(pool: type[HTTPConnectionPool], note: Callable[[socket.socket], None]) -> type[HTTPConnectionPool]:
    """The pool with connections that tell `note` of each socket they make."""
    kind: Any = pool.ConnectionCls

    def make(connection: Any) -> socket.socket:
        made: socket.socket = kind._new_conn(connection)  # noqa: SLF001 - urllib3's place for other sockets
        note(made)
        return made

    return type(pool.__name__, (pool,), {"ConnectionCls": type(kind.__name__, (kind,), {"_new_conn": make})})
