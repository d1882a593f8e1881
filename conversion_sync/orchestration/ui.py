"""Dagster's UI on the configured instance: `dagster dev`, ended with everything it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conversion_sync.config.load import VARIABLE
from conversion_sync.config.settings import Settings
from conversion_sync.errors import PermanentError
from conversion_sync.orchestration.instance import environment, opened, reconcile_orphans, write_instance
from conversion_sync.orchestration.schedules import RUNNING_VARIABLE
from conversion_sync.store.open import open_database

PACKAGE_WORKSPACE = Path(__file__).resolve().parents[2] / "dagster_workspace.yaml"
PATIENCE = 20.0
"""Seconds the UI gets to end by itself."""


def serve(settings: Settings, configuration: Path, *, port: int) -> None:
    """Runs the webserver and the daemon, schedules on, until they end or this process is told to stop."""
    folder = write_instance(settings.home)
    with open_database(settings) as database:
        with opened(folder, database.dagster_url) as instance:
            reconcile_orphans(instance)
        with _interruptible():
            process = subprocess.Popen(  # noqa: S603 - this very interpreter
                [sys.executable, "-m", "dagster", "dev", *_target(), "-h", "127.0.0.1", "-p", str(port)],
                env=os.environ
                | environment(folder, database.dagster_url)
                | {VARIABLE: str(configuration.resolve()), RUNNING_VARIABLE: "running"},
                start_new_session=True,
            )
        previous = signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            process.wait()
        except KeyboardInterrupt:
            return
        finally:
            signal.signal(signal.SIGTERM, previous)
            _end(process)
        if process.returncode not in (0, -signal.SIGINT, -signal.SIGTERM):
            raise PermanentError(
                f"Dagster's UI ended with {process.returncode}.",
                remedy=f"Read what it printed; perhaps port {port} is taken: use --port.",
            )


def _target() -> list[str]:
    if PACKAGE_WORKSPACE.exists():
        return ["-w", str(PACKAGE_WORKSPACE)]
    return ["-m", "conversion_sync.orchestration.definitions"]


@contextmanager
def _interruptible() -> Iterator[None]:
    """What is started meanwhile can be interrupted, even from a process in the background, which ignores it.

    That is inherited, and Dagster could not be ended (§3.5). A `preexec_fn` would change it in a fork of
    this process and all its threads.
    """
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the whole group: politely first, then for certain."""
    for number, patience in ((signal.SIGINT, PATIENCE), (signal.SIGKILL, PATIENCE)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(timeout=patience)
        except subprocess.TimeoutExpired:
            continue
