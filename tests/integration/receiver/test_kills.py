"""What was answered 200 or 204 is on disk, whatever is killed when: the receiver, or the database."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from conversion_sync.store.embedded import EmbeddedServer
from conversion_sync.store.engine import connect
from conversion_sync.store.open import PRODUCT_DATABASE
from tests.integration.receiver.browsers import click_of, from_site, told
from tests.integration.receiver.load import Load
from tests.integration.receiver.process import Receiver, receiver
from tests.integration.receiver.serving import STRIPE

pytestmark = pytest.mark.slow

CONNECTIONS = 24


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A folder that the database's own user can enter, whoever runs pytest beside; one database for all."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def kept(home: Path) -> set[bytes]:
    """The bodies in the inbox, read after the database recovered."""
    with EmbeddedServer(home / "home") as server:
        engine = connect(server.url(PRODUCT_DATABASE))
        with engine.connect() as connection:
            found = {bytes(body) for body in connection.scalars(text("select body from webhook_inbox"))}
        engine.dispose()
    return found


def under_load(load: Load, running: Receiver, kill: threading.Timer, enough: int) -> Load:
    """Sends until `enough` are taken or the receiver is gone; `kill` happens meanwhile."""

    def go_on(sent: Load) -> bool:
        if len(sent.kept) >= 100 and not kill.is_alive() and not kill.finished.is_set():
            kill.start()
        return len(sent.kept) < enough and running.process.poll() is None

    load.run(CONNECTIONS, go_on)
    kill.join()
    return load


def test_every_200_is_on_disk_when_the_receiver_is_killed(home: Path) -> None:
    answered: list[bytes] = []
    for _ in range(2):
        with receiver(home, None) as running:
            kill = threading.Timer(0.05, running.process.kill)
            load = under_load(Load(running.address, STRIPE), running, kill, 100_000)
            assert running.process.wait() == -signal.SIGKILL
        assert len(load.kept) >= 100
        answered += load.kept
    assert set(answered) <= kept(home)


def test_every_204_of_a_browser_is_on_disk_when_the_receiver_is_killed(home: Path) -> None:
    with receiver(home, None) as running:
        browsers = Load(running.address, "/v1/click", click_of, from_site, taken=204)
        load = under_load(browsers, running, threading.Timer(0.05, running.process.kill), 100_000)
    answered = {json.loads(body)["clicks"][0]["ids"]["gclid"] for body in load.kept}
    assert len(answered) >= 100
    with EmbeddedServer(home / "home") as server:
        engine = connect(server.url(PRODUCT_DATABASE))
        found = {body["ids"]["gclid"] for _, _, _, body, _, _ in told(engine)}
        engine.dispose()
    assert answered <= found


def test_every_200_is_on_disk_when_the_database_is_killed(home: Path) -> None:
    with receiver(home, None) as running:

        def kill_database() -> None:
            pid = int((home / "home/postgres/data/postmaster.pid").read_text().splitlines()[0])
            os.kill(pid, signal.SIGKILL)

        kill = threading.Timer(0.05, kill_database)
        load = under_load(Load(running.address, STRIPE), running, kill, 600)
        assert len(load.kept) >= 600
        assert set(load.statuses) <= {200, 503}
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait() == 0
        said = running.log.read_text()
    assert "The database failed" in said
    assert "The database is back" in said
    assert set(load.kept) <= kept(home)


def test_a_receiver_that_is_told_to_stop_finishes_what_it_has_taken(home: Path) -> None:
    before = kept(home)
    with receiver(home, None) as running:
        stop = threading.Timer(0.05, running.process.send_signal, (signal.SIGTERM,))
        load = under_load(Load(running.address, STRIPE), running, stop, 100_000)
        assert running.process.wait() == 0
        said = running.log.read_text()
    assert set(load.statuses) == {200}
    assert set(load.kept) == kept(home) - before
    assert f"webhooks of stripe:main: 200, {len(load.kept)} times" in said
    assert "evt_" not in said
    assert "whsec" not in said
