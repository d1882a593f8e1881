"""Delivering many conversions, beside a bare client and beside a peer, all against the same local vendor.

For each platform, in one run: the product delivers a backlog with its books; a bare client posts bodies that
are ready and copies the very rows the product wrote; and rows are turned into bodies without sending them.
Every figure comes from a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from benchmarks.backlog import fill
from benchmarks.rpc_sink import INGEST, rpc_sink
from benchmarks.sink import sink
from conversion_sync.store.embedded import EmbeddedServer
from conversion_sync.store.engine import connect
from conversion_sync.store.migrate import migrate

DATABASE = "throughput"
PEERS = Path(".venv-peers/bin/python")
TOKEN = {"access_token": "token of nobody"}
OAUTH = {"client_id": "i", "client_secret": "s", "refresh_token": "r"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A platform as it is measured. `address` is the setting of its address, `path` the bare client's.

    `rpc` says that it is spoken to over gRPC.
    """

    click_kind: str
    account: Mapping[str, Any]
    address: str
    target: Mapping[str, str]
    path: str
    rpc: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sinks:
    """Where the vendors answer: an address of HTTP, and host:port and a file of TLS roots of gRPC."""

    url: str
    rpc: str
    roots: str


SUBJECTS: Mapping[str, Subject] = {
    "google_ads": Subject(
        click_kind="gclid",
        account={"customer_id": "1234567890", **OAUTH},
        address="data_manager_endpoint",
        target={"conversion_action_id": "1"},
        path=INGEST,
        rpc=True,
    ),
    "meta": Subject(
        click_kind="fbclid",
        account={"dataset_id": "1", **TOKEN},
        address="base_url",
        target={"event_name": "Purchase", "action_source": "website"},
        path="/v26.0/1/events",
    ),
    "tiktok": Subject(
        click_kind="ttclid",
        account={"pixel_code": "P", **TOKEN},
        address="base_url",
        target={"event": "Purchase"},
        path="/open_api/v1.3/event/track/",
    ),
    "linkedin": Subject(
        click_kind="li_fat_id",
        account=TOKEN,
        address="base_url",
        target={"conversion_rule_id": "1"},
        path="/rest/conversionEvents",
    ),
    "microsoft_ads": Subject(
        click_kind="msclkid",
        account={"customer_id": "1", "customer_account_id": "2", "developer_token": "d", **OAUTH},
        address="base_url",
        target={"conversion_name": "Purchase"},
        path="/CampaignManagement/v13/OfflineConversions/Apply",
    ),
    "reddit": Subject(
        click_kind="rdt_cid",
        account={"pixel_id": "t2_1", **TOKEN},
        address="base_url",
        target={"tracking_type": "PURCHASE"},
        path="/api/v3/pixels/t2_1/conversion_events",
    ),
}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--platforms", nargs="*", default=list(SUBJECTS), choices=list(SUBJECTS))
    options = parser.parse_args()
    os.environ["CONVERSION_SYNC_KEY"] = Fernet.generate_key().decode()
    sys.stdout.write(f"{options.rows:,} conversions a platform\n\n{HEAD}\n")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)  # so that the database's own user can enter
        with EmbeddedServer(Path(folder) / "home") as server, sink() as url, rpc_sink() as (rpc, ca):
            roots = Path(folder) / "roots.pem"
            roots.write_bytes(ca)
            vendor = Sinks(url=url, rpc=rpc, roots=str(roots))
            for platform in options.platforms:
                figures = measure(server, vendor, platform, options.rows)
                sys.stdout.write(line(platform, figures) + "\n")
                sys.stdout.flush()
            peers(url, min(options.rows, 50_000))


HEAD = (
    "| platform | rows/CPU-s | of bare | rows/s | of bare | bare rows/CPU-s | bare rows/s | built rows/CPU-s"
    " | peak MB |\n| :-- | --: | --: | --: | --: | --: | --: | --: | --: |"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What one process did: rows, its own CPU seconds, seconds, MB."""

    rows: int
    cpu: float
    wall: float
    peak: float


def line(platform: str, found: Mapping[str, Figures]) -> str:
    """One row of the table."""
    ours, bare, built = found["product"], found["bare"], found["build"]
    per_cpu, per_second = ours.rows / ours.cpu, ours.rows / ours.wall
    bare_cpu, bare_second = bare.rows / bare.cpu, bare.rows / bare.wall
    cells = (
        platform,
        f"{per_cpu:,.0f}",
        f"{per_cpu / bare_cpu:.0%}",
        f"{per_second:,.0f}",
        f"{per_second / bare_second:.0%}",
        f"{bare_cpu:,.0f}",
        f"{bare_second:,.0f}",
        f"{built.rows / built.cpu:,.0f}",
        f"{ours.peak:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def measure(server: EmbeddedServer, vendor: Sinks, platform: str, rows: int) -> dict[str, Figures]:
    """A fresh database with the backlog, then each process after the other."""
    from sqlalchemy import text

    subject = SUBJECTS[platform]
    admin = connect(server.url("postgres")).execution_options(isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"drop database if exists {DATABASE} with (force)"))
    admin.dispose()
    server.ensure_database(DATABASE)
    migrate(server.url(DATABASE))
    engine = connect(server.url(DATABASE))
    fill(engine, platform, subject.click_kind, rows)
    engine.dispose()
    return {
        name: child(name, platform, vendor, server.url(DATABASE), rows)
        for name in ("product", "build", "bare")
    }


def child(name: str, platform: str, vendor: Sinks, database: str, rows: int) -> Figures:
    """One measured process."""
    sinks = json.dumps(asdict(vendor))
    command = [sys.executable, "-m", "benchmarks.measured", name, platform, sinks, database, str(rows)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} of {platform} failed: {done.stderr[-3000:]}")
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


def peers(vendor: str, rows: int) -> None:
    """drt-core on the same vendor, with its own batch size and with the platform's."""
    if not PEERS.exists():
        sys.stdout.write("\ndrt-core is not installed: make bench-peers\n")
        return
    sys.stdout.write(
        f"\n| drt-core 1.2.1, {rows:,} rows | rows/CPU-s | rows/s | peak MB |\n| :-- | --: | --: | --: |\n"
    )
    for platform in ("google_ads", "meta"):
        for size in (0, 1000):
            command = [str(PEERS), "benchmarks/peer_drt.py", platform, vendor, str(rows), str(size)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found = json.loads(done.stdout.splitlines()[-1])
            if found["rows"] != rows:
                raise RuntimeError(f"drt delivered {found}")
            name = f"{platform}, {'batches of 100, its default' if not size else f'batches of {size:,}'}"
            cells = (found["rows"] / found["cpu"], found["rows"] / found["wall"], found["peak"])
            sys.stdout.write(f"| {name} | {' | '.join(f'{cell:,.0f}' for cell in cells)} |\n")


def as_json(figures: Figures) -> str:
    """The line a measured process ends with."""
    return json.dumps(asdict(figures))


if __name__ == "__main__":
    main()
