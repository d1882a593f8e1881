"""Measures the main job against the sandbox on this machine and prints medians with their spread."""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from benchmarks.meta_events import meta_figures
from benchmarks.rooms import room_figures
from benchmarks.runs import run_figures
from conversion_sync.cli.demo_home import demo_world
from conversion_sync.pipeline.build import context
from conversion_sync.store.open import open_database


def main() -> None:
    """Every round is a fresh world, a fresh database and fresh processes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--customers", type=int, default=2000)
    parser.add_argument("--days", type=int, default=60)
    options = parser.parse_args()
    found: dict[str, list[float]] = defaultdict(list)
    for number in range(options.rounds):
        sys.stderr.write(f"round {number + 1} of {options.rounds}\n")
        for name, value in measure(options.customers, options.days).items():
            found[name].append(value)
    sys.stdout.write(f"{machine()}; {options.customers:,} customers, {options.days} days\n\n")
    sys.stdout.write(f"| figure | median of {options.rounds} | least | most |\n| :-- | --: | --: | --: |\n")
    for name, values in found.items():
        cells = (statistics.median(values), min(values), max(values))
        sys.stdout.write(f"| {name} | {' | '.join(map(shown, cells))} |\n")


def measure(customers: int, days: int) -> dict[str, float]:
    """One round."""
    size = ("--customers", str(customers), "--days", str(days), "--event-retention-days", "0")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # so that the database's own user can enter
        home = Path(folder) / "home"
        with demo_world(home, size) as world:
            with open_database(world.settings) as database:
                figures = room_figures(
                    context(world.settings, database.engine, run_id="benchmark"), world.window
                )
            return figures | meta_figures() | run_figures(home / "conversion_sync.yaml", world.window)


def machine() -> str:
    """What the figures were measured on."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return f"{cores} cores ({model}), {memory:.0f} GB, Python {platform.python_version()}"


def shown(value: float) -> str:
    """Three figures that matter, no more."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    main()
