"""A sandbox in a process of its own, for whoever wants one beside them: the demo, and the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from conversion_sync.sandbox.business import HISTORY_DAYS
from conversion_sync.sandbox.folder import ENDPOINTS, Json, read


@contextmanager
def start(
    folder: Path,
    *,
    database_url: str | None = None,
    seed: int = 7,
    customers: int = 300,
    days: int = 14,
    history_days: int = HISTORY_DAYS,
    end: datetime | None = None,
    settle_seconds: float = 0.0,
    event_retention_days: int = 30,
    rate_limits: bool = True,
    faults: Sequence[Json] = (),
    timeout: float = 60.0,
) -> Iterator[Json]:
    """`running` with the command's options as arguments; `faults` is a plan in its JSON form."""
    folder.mkdir(parents=True, exist_ok=True)
    plan = folder / "faults.json"
    plan.write_text(json.dumps(list(faults)))
    options: dict[str, object] = {
        "seed": seed,
        "customers": customers,
        "days": days,
        "history-days": history_days,
        "settle-seconds": settle_seconds,
        "event-retention-days": event_retention_days,
        "faults": plan,
    }
    if database_url is not None:
        options["database-url"] = database_url
    if end is not None:
        options["end"] = end.isoformat()
    arguments = [f"--{name}={value}" for name, value in options.items()]
    if not rate_limits:
        arguments.append("--no-rate-limits")
    with running(folder, arguments, timeout) as endpoints:
        yield endpoints


@contextmanager
def running(folder: Path, arguments: Sequence[str] = (), timeout: float = 60.0) -> Iterator[Json]:
    """A sandbox in a process of its own for the length of the block; gives its endpoints.

    Raises RuntimeError with what it printed if it does not come up in time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ready = folder / ENDPOINTS
    log = folder / "sandbox.log"
    with log.open("w") as output:
        process = subprocess.Popen(  # noqa: S603 - this very interpreter
            [
                *(sys.executable, "-m", "conversion_sync.sandbox", "--dir", str(folder)),
                *("--with-parent", str(os.getpid()), *arguments),
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        deadline = time.monotonic() + timeout
        while read(ready).get("pid") != process.pid:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the sandbox did not come up: {log.read_text()[-2000:]}")
            time.sleep(0.02)
        yield read(ready)
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
