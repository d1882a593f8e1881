"""The sandbox's vendors on real sockets, with a frozen clock and a handful of clicks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from conversion_sync.sandbox.books import Books
from conversion_sync.sandbox.clicks import AdClick, AdClicks
from conversion_sync.sandbox.clock import Clock
from conversion_sync.sandbox.credentials import Credentials
from conversion_sync.sandbox.faults import Faults
from conversion_sync.sandbox.sockets import CuttableHttp
from conversion_sync.sandbox.vendors import Vendors

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

CLICKS = (
    ("gclid", "Cj0KCQiA-known-click-0001", timedelta(days=10)),
    ("gclid", "Cj0KCQiA-young-click-0002", timedelta(hours=5)),
    ("gclid", "Cj0KCQiA-stale-click-0003", timedelta(days=95)),
    ("gbraid", "0AAAAA-known-gbraid-0004", timedelta(days=10)),
    ("wbraid", "ClgKCQ-known-wbraid-0005", timedelta(days=10)),
    ("fbclid", "IwAR0known", timedelta(days=2)),
    ("ttclid", "E.C.P.known", timedelta(days=2)),
    ("rdt_cid", "2222known", timedelta(days=2)),
    ("li_fat_id", "11111111-2222-3333-4444-555555555555", timedelta(days=2)),
    ("msclkid", "0123456789abcdef0123456789abcdef", timedelta(days=2)),
    ("msclkid", "89abcdef0123456789abcdef01234567", timedelta(days=40)),
)


class Stage:
    """One server for the whole run whose application is changed from test to test."""

    def __init__(self) -> None:
        self.app: Starlette | None = None
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        config = uvicorn.Config(
            self._call, interface="asgi3", http=CuttableHttp, lifespan="off", log_level="error"
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.socket]})
        self.thread.start()

    async def _call(self, scope: Any, receive: Any, send: Any) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join()


@pytest.fixture(scope="session")
def _stages() -> Iterator[list[Stage]]:
    stages = [Stage(), Stage()]
    yield stages
    for stage in stages:
        stage.close()


@pytest.fixture
def serve(_stages: list[Stage]) -> Callable[[Starlette], str]:
    """Put an application on a socket; gives its address."""
    free = iter(_stages)

    def put(app: Starlette) -> str:
        stage = next(free)
        stage.app = app
        return stage.url

    return put


@pytest.fixture
def vendors() -> Vendors:
    clock = Clock()
    clock.freeze(NOW)
    clicks = AdClicks(
        AdClick(kind=kind, value=value, clicked_at=NOW - age, campaign="brand") for kind, value, age in CLICKS
    )
    return Vendors(clock, clicks, Credentials(), Books(), Faults(), settle_seconds=0)
