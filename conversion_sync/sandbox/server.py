"""The sandbox as a process: every vendor on a loopback port of its own, one world behind them.

`endpoints.json` in the sandbox's folder says where everything answers; it is written once all do.
The world is drawn from what `world.json` there says, so a restart is the same world with the same
books, on the same ports if they are free.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from conversion_sync.sandbox import (
    admin,
    google_oauth,
    google_rpc,
    lemon_api,
    linkedin,
    meta,
    microsoft,
    paddle_api,
    reddit,
    stripe_api,
    tiktok,
)
from conversion_sync.sandbox.books import Books
from conversion_sync.sandbox.business import Business, generate
from conversion_sync.sandbox.click_table import write_click_table
from conversion_sync.sandbox.clicks import AdClick, AdClicks
from conversion_sync.sandbox.clock import Clock
from conversion_sync.sandbox.credentials import Credentials
from conversion_sync.sandbox.faults import Faults
from conversion_sync.sandbox.folder import ENDPOINTS, Json, World, read, write
from conversion_sync.sandbox.lemon_data import LemonData
from conversion_sync.sandbox.paddle_shelves import PaddleData
from conversion_sync.sandbox.sockets import CuttableHttp, Door
from conversion_sync.sandbox.vendors import Vendors

SAVE_EVERY = 5.0
"""Seconds between two savings of the books."""
VENDORS = {"oauth": "google_oauth"}
"""What the fault plan calls a vendor whose endpoint has another name."""
TICK = 0.5
"""Seconds between two looks at whether the parent lives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the vendors behave in this run. `event_retention_days` of 0 keeps Stripe's events for
    ever; every third of them is listed only `event_late_seconds` after it was made.

    `rate_limits` says whether Paddle and Lemon Squeezy mind how often they are asked. `clicks_url` is the
    database to write the click table to; `parent` a process not to outlive.
    """

    settle_seconds: float = 0.0
    event_retention_days: int = 30
    event_late_seconds: float = 0.0
    rate_limits: bool = True
    faults: Faults
    clicks_url: str | None = None
    parent: int | None = None


def serve(folder: Path, world: World, manner: Manner) -> None:
    """Runs until it is told to stop, or until its parent is gone."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    folder.mkdir(parents=True, exist_ok=True)
    business = generate(world.seed, world.customers, world.days, world.end, history_days=world.history_days)
    if manner.clicks_url:
        write_click_table(manner.clicks_url, business)
    vendors = _vendors(business, manner)
    books = folder / "books.json"
    vendors.books.load(books)
    with ExitStack() as stack:
        stack.callback(vendors.books.save, books)
        stack.callback(vendors.holds.release, cut=True)
        endpoints = _open(stack, folder, vendors, business, manner)
        write(folder / ENDPOINTS, endpoints)
        _wait(stop, vendors, books, manner.parent)


def _wait(stop: threading.Event, vendors: Vendors, books: Path, parent: int | None) -> None:
    """Until the end; the books are saved every few seconds if something was asked meanwhile."""
    saved, served = time.monotonic(), vendors.books.requests
    while not stop.wait(TICK):
        if parent is not None and not _alive(parent):
            return
        vendors.mind_the_doors()
        now, serving = time.monotonic(), vendors.books.requests
        if now - saved >= SAVE_EVERY and serving != served:
            vendors.books.save(books)
            saved, served = now, serving


def _vendors(business: Business, manner: Manner) -> Vendors:
    clicks = AdClicks(
        AdClick(kind=kind, value=value, clicked_at=visit.at, campaign=visit.campaign or "")
        for visit in business.visits()
        for kind, value in visit.ids.items()
    )
    return Vendors(Clock(), clicks, Credentials(), Books(), manner.faults, manner.settle_seconds)


def _open(stack: ExitStack, folder: Path, vendors: Vendors, business: Business, manner: Manner) -> Json:
    before = read(folder / ENDPOINTS).get("ports", {})
    retention = timedelta(days=manner.event_retention_days) if manner.event_retention_days else None
    lemons = LemonData(business)
    apps: dict[str, Starlette] = {
        "stripe": stripe_api.app(vendors, business, retention, timedelta(seconds=manner.event_late_seconds)),
        "paddle": paddle_api.app(vendors, PaddleData(business), limited=manner.rate_limits),
        "lemon_squeezy": lemon_api.app(vendors, lemons, limited=manner.rate_limits),
        "oauth": google_oauth.app(vendors),
        "meta": meta.app(vendors),
        "tiktok": tiktok.app(vendors),
        "linkedin": linkedin.app(vendors),
        "reddit": reddit.app(vendors),
        "microsoft": microsoft.app(vendors),
        "admin": admin.app(vendors, business, lemons),
    }
    ports: dict[str, int] = {}
    doors: list[Door] = []
    for name, app in apps.items():
        ports[name], door = _serve_http(stack, app, before.get(name, 0))
        doors.append(door)
        if name != "admin":
            vendors.doors[VENDORS.get(name, name)] = door
    stack.callback(_tell_to_end, doors)
    server, port, authority = google_rpc.serve(vendors, "127.0.0.1", _free(before.get("google_ads", 0)))
    stack.callback(lambda: server.stop(grace=1).wait())
    ca = folder / "google_ads_ca.pem"
    ca.write_bytes(authority)
    url = {name: f"http://127.0.0.1:{number}" for name, number in ports.items()}
    return {
        **url,
        "oauth": f"{url['oauth']}/token",
        "google_authorise": f"{url['oauth']}/auth",
        "tiktok_authorise": f"{url['tiktok']}/v2/auth/authorize",
        "tiktok_portal": f"{url['tiktok']}/portal/auth",
        "linkedin_authorise": f"{url['linkedin']}/oauth/v2/authorization",
        "linkedin_oauth": f"{url['linkedin']}/oauth/v2/accessToken",
        "microsoft_authorise": f"{url['microsoft']}/common/oauth2/v2.0/authorize",
        "microsoft_oauth": f"{url['microsoft']}/common/oauth2/v2.0/token",
        "google_ads": f"localhost:{port}",
        "data_manager": f"localhost:{port}",
        "google_ads_ca": str(ca.resolve()),
        "clicks_table": "marketing.ad_clicks",
        "start": business.start.isoformat(),
        "period_start": business.period_start.isoformat(),
        "end": business.end.isoformat(),
        "credentials": asdict(vendors.credentials),
        "ports": ports | {"google_ads": port},
        "pid": os.getpid(),
    }


def _serve_http(stack: ExitStack, app: Starlette, port: int) -> tuple[int, Door]:
    listener = socket.create_server(("127.0.0.1", _free(port)), backlog=512)
    server = Door(
        uvicorn.Config(app, http=CuttableHttp, lifespan="off", log_level="error", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()

    def close() -> None:
        server.should_exit = True
        thread.join(timeout=5)

    stack.callback(close)
    while not server.started:
        if not thread.is_alive():
            raise RuntimeError("a vendor's server ended before it answered")
        time.sleep(0.005)
    return int(listener.getsockname()[1]), server


def _tell_to_end(doors: Sequence[Door]) -> None:
    """All of them, before the first is waited for: each looks only now and then."""
    for door in doors:
        door.should_exit = True


def _free(port: int) -> int:
    """The port if it can be had, else 0 for any."""
    if port == 0:
        return 0
    try:
        with socket.create_server(("127.0.0.1", port)):
            return port
    except OSError:
        return 0


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
