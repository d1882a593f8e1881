"""How many signed webhooks a second the receiver keeps, how long each waits, and what kills cost.

The receiver is a process of its own on its embedded PostgreSQL with fsync on; this process is the vendor. All
share the machine's cores. Bodies are as long as Stripe's events are on average.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text

from benchmarks.__main__ import machine
from conversion_sync.store.embedded import EmbeddedServer
from conversion_sync.store.engine import connect
from conversion_sync.store.open import PRODUCT_DATABASE
from tests.integration.receiver.load import Load
from tests.integration.receiver.process import Receiver, receiver
from tests.integration.receiver.serving import STRIPE

TICKS = os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Prints two tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.webhooks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=15, help="of each line")
    parser.add_argument("--connections", type=int, nargs="*", default=[1, 16, 64, 256])
    parser.add_argument("--kills", type=int, default=5, help="of the receiver, and as many of the database")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # so that the database's own user can enter
        sys.stdout.write(f"{machine()}\n\n")
        sustained(Path(folder), options.seconds, options.connections)
        killed(Path(folder), options.kills)


def sustained(folder: Path, seconds: float, connections: list[int]) -> None:
    """A line for each number of connections, all answers 200."""
    sys.stdout.write(
        "| connections | webhooks/s | p50 ms | p99 ms | longest ms | receiver's CPU, ms a webhook |\n"
        "| --: | --: | --: | --: | --: | --: |\n"
    )
    with receiver(folder, None) as running:
        send(running, 8, 1)  # everything is loaded and connected
        for count in connections:
            cpu, began = cpu_seconds(running), time.perf_counter()
            load = send(running, count, seconds)
            spent, wall = cpu_seconds(running) - cpu, time.perf_counter() - began
            if set(load.statuses) != {200} or load.lost:
                raise RuntimeError(f"{load.statuses}, {load.lost} lost")
            cuts = [1000 * cut for cut in statistics.quantiles(load.latencies, n=100)]
            cells = (cuts[49], cuts[98], 1000 * max(load.latencies))
            sys.stdout.write(
                f"| {count} | {len(load.kept) / wall:,.0f} | {' | '.join(f'{cell:.1f}' for cell in cells)}"
                f" | {1000 * spent / len(load.kept):.2f} |\n"
            )
            sys.stdout.flush()


def send(running: Receiver, connections: int, seconds: float) -> Load:
    """Sends for so long."""
    load = Load(running.address, STRIPE)
    end = time.monotonic() + seconds
    load.run(connections, lambda _: time.monotonic() < end)
    return load


def cpu_seconds(running: Receiver) -> float:
    """What the receiver's process has spent."""
    fields = Path(f"/proc/{running.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def killed(folder: Path, kills: int) -> None:
    """What was answered 200 before and after each kill, and how much of that is on disk."""
    sys.stdout.write(
        "\n| killed under load | times | answered 200 | answered 503 | cut off | of the 200 not on disk |\n"
        "| :-- | --: | --: | --: | --: | --: |\n"
    )

    def database() -> None:
        file = folder / "home/postgres/data/postmaster.pid"
        os.kill(int(file.read_text().splitlines()[0]), signal.SIGKILL)

    line("the receiver", folder, kills, lambda running: running.process.kill())
    line("the database", folder, kills, lambda _: database())


def line(what: str, folder: Path, kills: int, kill: Callable[[Receiver], None]) -> None:
    """A row of the table."""
    answered: list[bytes] = []
    refused = lost = 0
    for _ in range(kills):
        with receiver(folder, None) as running:
            timer = threading.Timer(1.0, kill, (running,))
            timer.start()
            load = Load(running.address, STRIPE)
            end = time.monotonic() + 5
            load.run(32, lambda _, end=end, it=running: time.monotonic() < end and it.process.poll() is None)
            timer.join()
            running.process.terminate()
            running.process.wait()
        answered += load.kept
        refused, lost = refused + load.statuses[503], lost + load.lost
    missing = len(set(answered) - on_disk(folder))
    cells = (what, kills, len(answered), refused, lost, missing)
    sys.stdout.write(f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else cell for cell in cells)} |\n")
    sys.stdout.flush()


def on_disk(folder: Path) -> set[bytes]:
    """Every body in the inbox."""
    with EmbeddedServer(folder / "home") as server:
        engine = connect(server.url(PRODUCT_DATABASE))
        with engine.connect() as connection:
            found = {bytes(body) for body in connection.scalars(text("select body from webhook_inbox"))}
        engine.dispose()
    return found


if __name__ == "__main__":
    main()
