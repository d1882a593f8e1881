"""Where the matrix is played: a database server, and a sandbox for each process that plays."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from conversion_sync.sandbox.process import start
from conversion_sync.store.embedded import EmbeddedServer
from tests.contract.platforms.cases import CASES
from tests.reliability.matrix import Found, found
from tests.reliability.scene import Vendors, vendors_of


@contextmanager
def database_server(named: str | None) -> Iterator[str]:
    """The address of a server's database `postgres`."""
    if named:
        yield named
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # so that the database's own user can enter
        with EmbeddedServer(Path(folder) / "database", durable=False) as server:
            yield server.url("postgres")


def try_platforms(names: Sequence[str], server: str, seed: int, count: int, *, one_play: bool) -> list[Found]:
    """One platform after the other, with one sandbox."""
    with sandbox() as vendors:
        return [
            found(case, vendors, server, seed, count, tell, one_play=one_play)
            for case in CASES
            if case.id in names
        ]


@contextmanager
def sandbox() -> Iterator[Vendors]:
    """A sandbox of its own, with few clicks."""
    with (
        tempfile.TemporaryDirectory() as folder,
        start(Path(folder), customers=60, days=4, history_days=0) as endpoints,
    ):
        yield vendors_of(endpoints)


def tell(text: str) -> None:
    """Says how far it is."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
