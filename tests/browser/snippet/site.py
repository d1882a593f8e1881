"""A site of three hosts that includes the snippet under a strict policy, and what came of its visits."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, Page, Response
from sqlalchemy import Engine

from conversion_sync.config.settings import Settings
from tests.integration.receiver.browsers import landed
from tests.integration.world import rows

AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0"
SAID = "gtag('consent', 'update', {{ad_storage: '{0}', ad_user_data: '{0}', ad_personalization: '{0}'}})"
GRANT, DENY = SAID.format("granted"), SAID.format("denied")
GTAG = "window.dataLayer = window.dataLayer || []; window.gtag = function () { dataLayer.push(arguments) };"
HOSTS = ("www.shop.test", "app.shop.test", "other.test")


@dataclass(frozen=True, kw_only=True)
class Site:
    """Every page includes the snippet; its path is `data-consent`, with - for / and _ for a space."""

    port: int
    collector: str
    engine: Engine
    settings: Settings

    def at(self, path: str, host: str = HOSTS[0]) -> str:
        return f"http://{host}:{self.port}{path}"

    def clicks(self) -> list[dict[str, Any]]:
        """Every click that landed, after running the clicks room, by time."""
        landed(self.engine, self.settings, datetime.now(UTC))
        found = rows(
            self.engine, "select to_jsonb(click) from click order by clicked_at, click_ids ->> 'gclid'"
        )
        return [click for (click,) in found]

    def ids(self) -> list[dict[str, str]]:
        return [click["click_ids"] for click in self.clicks()]


@contextmanager
def serving_pages(collector: str) -> Iterator[int]:
    """The site's server; gives its port."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            where = urlsplit(self.path).path.strip("/")
            body = page_of(where, collector).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Referrer-Policy", "unsafe-url")
            self.send_header(
                "Content-Security-Policy",
                f"default-src 'none'; img-src data:; script-src {collector}; connect-src {collector}",
            )
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def page_of(where: str, collector: str) -> str:
    consent = f' data-consent="{where.replace("-", "/").replace("_", " ")}"' if where else ""
    tag = f'<script src="{collector}/snippet.js"{consent}></script>' * (2 if where == "twice" else 1)
    return f'<!doctype html><title>Shop</title><link rel="icon" href="data:,">{tag}'


def told(page: Page, action: Any, path: str = "/v1/click", status: int = 204) -> Response:
    """Does something and waits for the collector's answer to it."""
    with page.expect_response(lambda answer: urlsplit(answer.url).path == path) as answer:
        action()
    assert answer.value.status == status
    return answer.value


def until(page: Page, expression: str) -> None:
    """Waits until it is true in the page, whose policy forbids to evaluate text there."""
    look = f"const look = () => ({expression}) ? done() : setTimeout(look, 5)"
    page.evaluate(f"new Promise((done) => {{ {look}; look() }})")


def kept(page: Page) -> dict[str, Any] | None:
    """What the snippet has in storage."""
    text = page.evaluate("localStorage.getItem('_cs_clicks')")
    return None if text is None else json.loads(text)


def visitor(context: BrowserContext) -> str | None:
    """The visitor's id as the browser's cookies have it."""
    return next((one["value"] for one in context.cookies() if one["name"] == "_cs_visitor"), None)
