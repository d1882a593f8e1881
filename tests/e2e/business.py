"""A business whose syncs are run by the real command, on books of its own, and what is right for them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import yaml
from sqlalchemy import Engine, text

from conversion_sync.model.windows import Window
from conversion_sync.store.embedded import EmbeddedServer
from conversion_sync.store.engine import connect
from tests.e2e.world import Company, World, fresh_database, named

Json = dict[str, Any]
DAY = timedelta(days=1)
SIZE = ("--customers", "800", "--days", "8", "--history-days", "0")
"""Days on which every platform gets conversions."""
LOOK = "Look at what waits: conversion-sync status. Syncing again is safe.\n"
DATABASE = "CS_E2E_DATABASE"
STATES = "select conversion_id, state from conversion where state not in ('skipped', 'superseded')"


@dataclass(frozen=True)
class Said:
    """What a command printed, without the ids of its runs, and how it ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Business:
    """A configuration that leads to the world and to books of its own."""

    world: World
    engine: Engine
    file: Path
    content: Json
    secrets: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str) -> Said:
        """The real command; whatever it says, it is no trace and holds no secret."""
        self.file.write_text(yaml.safe_dump(self.content))
        return self.run_on(self.file, *arguments)

    def run_on(self, file: Path, *arguments: str) -> Said:
        environment = self.secrets | self.environment
        done = subprocess.run(
            [sys.executable, "-m", "conversion_sync.cli", "--config", str(file), *arguments],
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert "Traceback" not in said
        assert "Stack Trace" not in said
        assert [name for name, value in environment.items() if value in said] == []
        assert "hidden-password" not in said
        out, err = (re.sub(r"\brun [0-9a-f-]{36}", "run ID", one) for one in (done.stdout, done.stderr))
        return Said(done.returncode, out, err)

    def sync(self, window: Window) -> Said:
        return self.run("sync", "--from", window.start.isoformat(), "--to", window.end.isoformat())

    def errors(self) -> list[tuple[str, str]]:
        """What `check` calls an error, each with its remedy."""
        said = self.run("check")
        lines = said.out.splitlines()
        found = [
            (line.removeprefix("error "), lines[number + 1].removeprefix("      Remedy: "))
            for number, line in enumerate(lines)
            if line.startswith("error ")
        ]
        assert (said.code, said.err) == (1 if found else 0, "")
        return found

    def changed(self, change: Callable[[Json], object] = lambda _: None, **environment: str) -> Business:
        """The same with a changed configuration or environment."""
        content = json.loads(json.dumps(self.content))
        change(content)
        return replace(self, content=content, environment=self.environment | environment)

    def states(self) -> dict[str, str]:
        """The state of every row that was meant to be sent."""
        with self.engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(text(STATES))}

    def count(self, table: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.scalar(text(f"select count(*) from {table}")) or 0)


@contextmanager
def business(world: World, server: EmbeddedServer) -> Iterator[Business]:
    with fresh_database(server) as url:
        content, secrets = world.written()
        name = f"e2e_{uuid.uuid4().hex[:12]}"
        content["database"] = {"url": f"env:{DATABASE}", "dagster_database": f"dagster_{name}"}
        content["home"] = str(world.home / name)
        engine = connect(url)
        try:
            yield Business(
                world=world,
                engine=engine,
                file=world.home / f"{name}.yaml",
                content=content,
                secrets=secrets,
                environment={DATABASE: url},
            )
        finally:
            engine.dispose()
            with psycopg.connect(server.url("postgres"), autocommit=True) as admin:
                admin.execute(f"drop database if exists dagster_{name} with (force)")


def days_ago(world: World, number: int) -> Window:
    """A whole day of the business. From the second last on no click is too fresh, till the sixth last no
    payment too old for any platform."""
    assert 2 <= number <= 6
    return [day for day in world.window.days() if day.end - day.start == DAY][-number]


def heading(window: Window, mark: str) -> str:
    return f"{mark} {window.start:%Y-%m-%d %H:%M} UTC, 24 hours (run ID)\n"


def meant(world: World, server: EmbeddedServer, window: Window) -> dict[str, dict[str, str]]:
    """What an undisturbed sync of the window sends, by platform: each row with its name there."""
    with fresh_database(server) as url:
        engine = connect(url)
        Company(world, engine).prepare(window)
        with engine.connect() as connection:
            rows = connection.execute(
                text(
                    "select platform, conversion_id, vendor_id, click_id, occurred_at"
                    " from conversion where state = 'planned'"
                )
            ).all()
        engine.dispose()
    found: dict[str, dict[str, str]] = {}
    for platform, conversion, *names in rows:
        found.setdefault(platform, {})[conversion] = named(platform, *names)
    return found


def received(world: World) -> Counter[str]:
    """How often the platforms took each conversion in, by its name there."""
    return Counter({entry["vendor_id"]: entry["times_received"] for entry in world.ask("/ledger")})
