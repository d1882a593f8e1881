"""Whole runs as users start them: hours a second of a range run, and one hourly run with its split."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from conversion_sync.model.windows import HOUR, Window

ROOMS = {
    "billing_events": "pull",
    "clicks": "pull",
    "revenue_events": "normalise",
    "attribution": "attribute",
    "conversions": "plan",
}


def run_figures(configuration: Path, window: Window) -> dict[str, float]:
    """A range run of three days, then one hourly run, both in processes of their own."""
    days = Window(window.end - timedelta(days=4), window.end - timedelta(days=1))
    wall, _, _ = _sync(configuration, days)
    hours = (days.end - days.start) / HOUR
    return {"hours / s of a range run": hours / wall, **_hourly(configuration, window)}


def _hourly(configuration: Path, window: Window) -> dict[str, float]:
    wall, cpu, result = _sync(configuration, Window(window.end - HOUR, window.end))
    split: dict[str, float] = {}
    for asset, seconds in result[0]["seconds"].items():
        room = ROOMS.get(asset, "deliver")
        split[room] = split.get(room, 0.0) + seconds
    return {
        "hourly run, wall s": wall,
        "hourly run, CPU s of our process": cpu,
        **{f"hourly run, {room} s": seconds for room, seconds in split.items()},
        "hourly run, start-up and bookkeeping s": wall - sum(split.values()),
        "hourly run, times an import of dagster": wall / _import_of_dagster(),
    }


def _sync(configuration: Path, window: Window) -> tuple[float, float, list[dict[str, dict[str, float]]]]:
    before = _children()
    began = time.perf_counter()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "conversion_sync.cli", "--config", str(configuration), "sync", "--json"),
            *("--from", window.start.isoformat(), "--to", window.end.isoformat()),
        ],
        check=True,
        capture_output=True,
        env=dict(os.environ),
    )
    wall = time.perf_counter() - began
    return wall, _children() - before, json.loads(done.stdout)


def _import_of_dagster() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import dagster"], check=True)
    return time.perf_counter() - began


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
