"""The real receiver on a real database, a site beside it, and a real Chromium that finds both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, sync_playwright
from sqlalchemy import text

from conversion_sync.pipeline.context import utc_now
from conversion_sync.store.embedded import EmbeddedServer
from tests.browser.snippet.site import AGENT, GRANT, GTAG, HOSTS, Site, serving_pages
from tests.conftest import chromium, cloned
from tests.integration.receiver.browsers import collecting
from tests.integration.receiver.serving import free_port, serving

TABLES = "collector_inbox, click, click_time, quarantined_click, identity_link, dirty"
PATIENCE = 10_000
ARGUMENTS = ["--disable-dev-shm-usage", "--host-resolver-rules=MAP *.test 127.0.0.1"]


@pytest.fixture(scope="module")
def whole_site(server: EmbeddedServer) -> Iterator[Site]:
    with cloned(server) as database, free_port() as listener:
        collector = f"http://collect.shop.test:{listener.getsockname()[1]}"
        with serving_pages(collector) as port:
            origins = [f"http://{host}:{port}" for host in HOSTS]
            chosen = collecting(collector={"origins": origins, "requests_per_minute": 100_000})
            with serving(database.url, chosen, utc_now, listener):
                yield Site(port=port, collector=collector, engine=database.engine, settings=chosen)


@pytest.fixture
def site(whole_site: Site) -> Site:
    """The site, with nobody's visits."""
    with whole_site.engine.begin() as connection:
        connection.execute(text(f"truncate {TABLES}"))
    return whole_site


@pytest.fixture(scope="module")
def driver() -> Iterator[Playwright]:
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="module")
def chrome(driver: Playwright) -> Iterator[Browser]:
    options: dict[str, Any] = {"executable_path": chromium(), "args": ARGUMENTS}
    browser = driver.chromium.launch(**options)
    yield browser
    browser.close()


@pytest.fixture
def context(chrome: Browser) -> Iterator[BrowserContext]:
    """A browser that was nowhere before."""
    context = chrome.new_context(user_agent=AGENT)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """A tab of somebody who has said nothing about consent."""
    return watched(context.new_page())


@pytest.fixture
def consenting(context: BrowserContext) -> Page:
    """A tab of somebody who has consented on every page."""
    context.add_init_script(f"{GTAG} {GRANT}")
    return watched(context.new_page())


def watched(page: Page) -> Page:
    """Nothing the snippet does may break the policy of its page, or fail aloud."""
    page.set_default_timeout(PATIENCE)

    def complain(fault: object) -> None:
        raise AssertionError(fault)

    page.on("pageerror", complain)
    page.on("console", lambda said: complain(said.text) if "Content Security Policy" in said.text else None)
    return page
