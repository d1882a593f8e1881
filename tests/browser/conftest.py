"""A synced business with one conversion that Google refused, Dagster's real UI on it, and a real Chromium."""

from __future__ import annotations

import signal
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, sync_playwright

from conversion_sync.model.windows import HOUR, Window, floor_hour
from conversion_sync.orchestration.partitions import key_of
from conversion_sync.store.embedded import EmbeddedServer
from tests.conftest import chromium
from tests.e2e.command import Command, commanded, wait_until
from tests.e2e.expected import Delivery, expected
from tests.e2e.world import PLATFORMS, WORTHS, World, living
from tests.ports import free_port

KEPT = 40
"""Characters of a click id that a column which is too short keeps: enough to look like one."""
WIDTH, HEIGHT = 1440, 900


@dataclass(frozen=True, kw_only=True)
class Seen:
    """The UI's address, and the hour whose run has the refused row."""

    address: str
    partition: str
    run_id: str


@pytest.fixture(scope="session")
def seen(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """Everything up to an hour synced by day, that hour in a run of its own, and the UI on it."""
    end = floor_hour(datetime.now(UTC)) - 12 * HOUR
    size = ("--customers", "300", "--days", "3", "--history-days", "0", "--end", end.isoformat())
    folder = tmp_path_factory.mktemp("ui")
    with living(folder, server, *size) as world, commanded(world, server) as command:
        hour = spoil_a_click(world)
        first = command.sync(Window(world.window.start, hour))
        assert first.returncode == 0, first.stdout + first.stderr
        second = command.sync(Window(hour, hour + HOUR))
        run_id = second.stdout.partition("(run ")[2].partition(")")[0]
        with served(command) as address:
            yield Seen(address=address, partition=key_of(hour), run_id=run_id)


def spoil_a_click(world: World) -> datetime:
    """Cuts off the id of the click of a late Google conversion; returns the conversion's hour."""
    delivery = Delivery(reads_until=world.window.end, now=datetime.now(UTC))
    wanted = expected(world.ask("/truth"), PLATFORMS, WORTHS, [delivery])["google_ads"]
    late = world.window.end - timedelta(hours=30)
    chosen = min(
        (one for one in wanted if one.click_kind == "gclid" and one.occurred_at > late),
        key=lambda one: one.occurred_at,
    )
    with psycopg.connect(world.clicks_url) as connection:
        table = world.endpoints["clicks_table"]
        changed = connection.execute(
            f"update {table} set gclid = %s where gclid = %s", (chosen.click_id[:KEPT], chosen.click_id)
        )
        assert changed.rowcount == 1
    return floor_hour(chosen.occurred_at)


@contextmanager
def served(command: Command) -> Iterator[str]:
    """`conversion-sync ui` until the block ends; nothing it started is left."""
    port = free_port()
    process = command.start("ui", "--port", str(port))
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: answers(f"{address}/server_info"), process)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as driver:
        options: dict[str, Any] = {"executable_path": chromium(), "args": ["--disable-dev-shm-usage"]}
        browser = driver.chromium.launch(**options)
        yield browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        browser.close()
