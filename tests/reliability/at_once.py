"""Uploaders that deliver the same small windows at the same time, on every platform: each row is sent once.

All of them wait for the account when the first begins. Each goes through windows of its own and takes what is
due of earlier ones along, as deliveries do, so that they are after the same rows all the time.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import text

from conversion_sync.model.windows import Window
from conversion_sync.reports.status import check_laws
from conversion_sync.store.locks import session_lock
from tests.contract.platforms.cases import CASES
from tests.reliability.matrix import running, wait
from tests.reliability.places import sandbox
from tests.reliability.scene import ACCOUNT, MINUTE, Scene, rows_of, scene
from tests.reliability.uploader import Job, finished, start

UPLOADERS = 3
PAYMENTS = 24


def main() -> None:
    """Prints, for every platform, how often each row was sent, counts and was intended, and what is left."""
    with sandbox() as vendors:
        found = [_together(one) for case in CASES for one in _scenes(case, vendors, sys.argv[1])]
    json.dump(found, sys.stdout)


def _scenes(case: Any, vendors: Any, server: str) -> Iterator[Scene]:
    with scene(case, vendors, server, PAYMENTS) as one:
        yield one


def _together(one: Scene) -> dict[str, Any]:
    with running(one, dedup=False) as run:
        first = min(row.occurred_at for row in rows_of(run.engine))
        windows = tuple(_windows(first))
        jobs = [Job(url=run.url, bad="", windows=_share(windows, number)) for number in range(UPLOADERS)]
        with session_lock(run.engine, "deliver", one.case.platform, ACCOUNT):
            started = [start(one, job) for job in jobs]
            wait(lambda: _waiting(one.server, str(run.engine.url.database)) == UPLOADERS)
        lived = [finished(each) is not None for each in started]
        entries = one.vendors.booked(one.case.platform).values()
        with run.engine.connect() as connection:
            intents = connection.scalars(
                text("select count(*) from delivery_attempt where phase = 'intent' group by conversion_id")
            ).all()
            senders = connection.scalar(
                text("select count(distinct run_id) from delivery_attempt where phase = 'intent'")
            )
        return {
            "case": one.case.id,
            "lived": lived,
            "senders": senders,
            "received": [entry["times_received"] for entry in entries],
            "counts": [entry["counts"] for entry in entries],
            "intents": list(intents),
            "states": sorted({row.state for row in rows_of(run.engine)}),
            "broken": [law.law for law in check_laws(run.engine, None) if law.broken],
        }


def _share(windows: Sequence[Window], number: int) -> tuple[Window, ...]:
    """One window of each few, by turns the first, the middle and the last of them: each comes to send."""
    turns = range(len(windows) // UPLOADERS)
    return tuple(windows[UPLOADERS * turn + (number + turn) % UPLOADERS] for turn in turns)


def _waiting(server: str, name: str) -> int:
    """Sessions that wait for the account."""
    with psycopg.connect(server, autocommit=True) as admin:
        found = admin.execute(
            "select count(*) from pg_stat_activity where datname = %s and wait_event = 'advisory'", (name,)
        ).fetchone()
        return int(found[0]) if found else 0


def _windows(first: datetime) -> Iterator[Window]:
    """Of two payments each."""
    for number in range(PAYMENTS // 2):
        yield Window(first + 2 * number * MINUTE, first + 2 * (number + 1) * MINUTE)


if __name__ == "__main__":
    main()
