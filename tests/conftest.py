"""A real PostgreSQL for every test that asks for one: one server a run, a fresh migrated clone a test."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, text

from conversion_sync.credentials.keys import VARIABLE, keyring, new_key
from conversion_sync.credentials.source import stored_tokens
from conversion_sync.pipeline.context import utc_now
from conversion_sync.platforms.registry import TokensOf
from conversion_sync.store.embedded import EmbeddedServer
from conversion_sync.store.engine import connect
from conversion_sync.store.migrate import migrate

TEMPLATE = "migrated"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MEMORY = Path("/dev/shm")
ROOM = 3 * 2**30
"""Bytes of memory that must be free for the files of a run to go there."""


@dataclass(frozen=True, slots=True)
class Database:
    """A database of a test's own: migrated, empty, gone afterwards."""

    engine: Engine
    url: str
    server: EmbeddedServer


def pytest_configure() -> None:
    """What tests write goes to memory where there is room: to clone a database takes a tenth of the time."""
    if "TMPDIR" not in os.environ and has_room(MEMORY):
        os.environ["TMPDIR"] = str(MEMORY)  # of this process and those it starts
        tempfile.tempdir = None


def has_room(folder: Path) -> bool:
    """Whether a run's files fit there, and PostgreSQL's programs may run from there."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize >= ROOM and not found.f_flag & (os.ST_NOEXEC | os.ST_RDONLY)


def run_folder(config: pytest.Config) -> Path:
    """One folder for all workers of this run, which the server's user can enter."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or config.stash.setdefault(RUN, uuid.uuid4().hex)
    folder = Path(tempfile.gettempdir()) / f"conversion_sync-tests-{run[:12]}"
    folder.mkdir(mode=0o755, exist_ok=True)
    return folder


RUN = pytest.StashKey[str]()


@pytest.fixture(scope="session", autouse=True)
def key() -> Iterator[None]:
    """A key for stored tokens, for this process and those it starts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, new_key())
        yield


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """The run's PostgreSQL, shared by its workers, with a migrated template in it."""
    home = run_folder(request.config)
    with EmbeddedServer(home, durable=False) as server:
        with (home / "template.gate").open("a") as gate:
            fcntl.flock(gate, fcntl.LOCK_EX)
            # Once a run: a database somebody is connected to cannot be cloned.
            if not (home / "template.ready").exists():
                server.ensure_database(TEMPLATE)
                migrate(server.url(TEMPLATE))
                (home / "template.ready").touch()
        yield server


@contextmanager
def cloned(server: EmbeddedServer) -> Iterator[Database]:
    """A fresh clone of the migrated template, for the length of the block."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"create database {name} template {TEMPLATE}")
    engine = connect(server.url(name))
    yield Database(engine=engine, url=server.url(name), server=server)
    engine.dispose()
    with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
        admin.execute(f"drop database {name} with (force)")


@pytest.fixture
def database(server: EmbeddedServer) -> Iterator[Database]:
    """A fresh clone of the migrated template."""
    with cloned(server) as database:
        yield database


@pytest.fixture(scope="session")
def token_books(server: EmbeddedServer) -> Iterator[Engine]:
    """A migrated database for the tokens of tests that need no other."""
    with cloned(server) as database:
        yield database.engine


@pytest.fixture
def tokens(token_books: Engine) -> TokensOf:
    """The tokens of accounts nothing is kept of yet."""
    with token_books.begin() as connection:
        connection.execute(text("truncate credential, credential_refresh"))
    return stored_tokens(keyring(), token_books, utc_now)


def chromium() -> str | None:
    """The Chromium of this machine, if it has one."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in BROWSERS if (path := shutil.which(name))), None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long files begin first, so that no worker ends with one; browser tests need a browser.

    Where there is none they are left out, and the summary says so.
    """
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    if chromium() is not None:
        return
    left_out = [item for item in items if item.get_closest_marker("browser")]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says whether browser tests could run."""
    if chromium() is None:
        terminalreporter.write_line(
            "No Chromium was found: the browser tests were left out. Install chromium, or set CHROMIUM."
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The run's folder goes when the last process of the run ends."""
    if not hasattr(session.config, "workerinput"):
        run = session.config.stash.get(RUN, None) or getattr(
            session.config.pluginmanager.get_plugin("dsession"), "nodemanager", None
        )
        name = run if isinstance(run, str) else getattr(run, "testrunuid", "")
        if name:
            folder = Path(tempfile.gettempdir()) / f"conversion_sync-tests-{name[:12]}"
            shutil.rmtree(folder, ignore_errors=True)
