"""The `conversion-sync` command in a process of its own, for a business at the sandbox."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml
from sqlalchemy import Engine, text

from conversion_sync.model.windows import Window
from conversion_sync.store.embedded import EmbeddedServer
from conversion_sync.store.engine import connect
from tests.e2e.world import World, fresh_database

PATIENCE = 120.0


@dataclass(frozen=True, kw_only=True)
class Command:
    """A configuration file that leads to a world, and the database it names."""

    world: World
    file: Path
    environment: dict[str, str]
    engine: Engine
    dagster_url: str

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts the command as the leader of its own process group."""
        return subprocess.Popen(
            [sys.executable, "-m", "conversion_sync.cli", "--config", str(self.file), *arguments],
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def start_sync(self, window: Window) -> subprocess.Popen[str]:
        return self.start("sync", "--from", window.start.isoformat(), "--to", window.end.isoformat())

    def runs(self) -> Counter[str]:
        """How Dagster's runs ended."""
        with connect(self.dagster_url).connect() as connection:
            return Counter(connection.scalars(text("select status from runs")))

    def sync(self, window: Window) -> subprocess.CompletedProcess[str]:
        return finished(self.start_sync(window))


@contextmanager
def commanded(world: World, server: EmbeddedServer) -> Iterator[Command]:
    """A configuration file with databases of its own, and the secrets it names."""
    with fresh_database(server) as url:
        content, secrets = world.written()
        dagster = f"dagster_{uuid.uuid4().hex[:12]}"
        content["database"] = {"url": "env:CS_E2E_DATABASE", "dagster_database": dagster}
        file = world.home / f"{dagster}.yaml"
        content["home"] = str(world.home / dagster)
        file.write_text(yaml.safe_dump(content))
        engine = connect(url)
        try:
            yield Command(
                world=world,
                file=file,
                environment=secrets | {"CS_E2E_DATABASE": url},
                engine=engine,
                dagster_url=server.url(dagster),
            )
        finally:
            engine.dispose()


def finished(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """What a command printed once it ended."""
    output, errors = process.communicate(timeout=PATIENCE)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def kill(process: subprocess.Popen[str]) -> None:
    """Ends the command and whatever it started, without a chance to tidy up."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def wait_until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Looks again and again until it is true; fails if the command ends before."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert process.poll() is None, f"the command ended too early: {process.communicate()}"
        assert time.monotonic() < deadline, "it did not come to that in time"
        time.sleep(0.05)  # each look is a request to whom we wait for
