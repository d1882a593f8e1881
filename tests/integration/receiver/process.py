"""`conversion-sync receiver` in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
import yaml

from tests.integration.receiver.browsers import SITE
from tests.integration.receiver.serving import SECRET
from tests.ports import free_port

PATIENCE = 60.0


@dataclass(frozen=True)
class Receiver:
    """Its process and where it answers."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path


@contextmanager
def receiver(folder: Path, url: str | None) -> Iterator[Receiver]:
    """Started on the database at `url`, or on the embedded one in `folder`; killed at the end."""
    port = free_port()
    account = {"api_key": "env:STRIPE_KEY", "webhook_secrets": ["env:WEBHOOK_SECRET"]}
    configuration = {
        "start": "2026-01-01T00:00:00Z",
        "home": str(folder / "home"),
        "database": {"url": "env:DATABASE_URL"} if url else {},
        "billing": {"stripe": {"main": account}},
        "platforms": {},
        "receiver": {"port": port, "collector": {"origins": [SITE], "requests_per_minute": 100_000}},
    }
    file = folder / "conversion_sync.yaml"
    file.write_text(yaml.safe_dump(configuration))
    secrets = {"STRIPE_KEY": "sk_test_1", "WEBHOOK_SECRET": SECRET, "DATABASE_URL": url or ""}
    log = folder / "receiver.log"
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "conversion_sync.cli", "--config", str(file), "receiver"],
            env=os.environ | secrets,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _until_well(process, address, log)
        yield Receiver(process, address, log)
    finally:
        process.kill()
        process.wait()


def _until_well(process: subprocess.Popen[bytes], address: str, log: Path) -> None:
    patience = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < patience, log.read_text()
        try:
            if requests.get(f"{address}/health", timeout=5).status_code == 200:
                return
        except requests.ConnectionError:
            time.sleep(0.02)
