"""Two real processes deliver the same hours at once where a limit binds: every row once, the limit kept."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from conversion_sync.sandbox import tiktok
from conversion_sync.sandbox.books import Books
from conversion_sync.sandbox.clicks import AdClicks
from conversion_sync.sandbox.clock import Clock
from conversion_sync.sandbox.credentials import Credentials
from conversion_sync.sandbox.faults import Faults
from conversion_sync.sandbox.vendors import Vendors
from tests.contract.sandbox.conftest import Stage
from tests.integration.delivering import A_SECOND, BATCH
from tests.integration.scripted import enable, payments, states

PAYMENTS = 60
WITHIN = timedelta(seconds=3)
"""Spans shorter than that would measure this machine's load, not the limit."""


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()


def test_two_processes_send_every_row_once_and_keep_the_limit_together(database, stage: Stage) -> None:
    engine = enable(database.engine, "tiktok")
    payments(engine, PAYMENTS)
    with engine.begin() as connection:
        connection.execute(
            text(
                "update conversion set occurred_at = now() - interval '1 hour', not_before = now(),"
                " deadline = now() + interval '1 day'"
            )
        )
    vendors = Vendors(Clock(), AdClicks([]), Credentials(), Books(), Faults(), settle_seconds=0)
    stage.app = tiktok.app(vendors)
    known = vendors.credentials
    command = (database.url, stage.url, known.tiktok_pixel_code, known.tiktok_access_token)
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.integration.delivering", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    for process in both:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert states(engine) == {("settled", "confirmed"): PAYMENTS}
    assert [entry["times_received"] for entry in vendors.books.dump()] == [1] * PAYMENTS
    log = [datetime.fromisoformat(entry["at"]) for entry in vendors.books.request_log()]
    assert len(log) == PAYMENTS / BATCH
    most = max(sum(start <= at < start + WITHIN for at in log) for start in log)
    assert most <= A_SECOND * WITHIN.total_seconds()
    assert log[-1] - log[0] >= timedelta(seconds=(len(log) - 1) / A_SECOND)
