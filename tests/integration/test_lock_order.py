"""Rows are locked in one order by planning and by delivery, so that neither waits for the other in a ring."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

import pytest
from sqlalchemy import Engine, text

from conversion_sync.delivery import books
from conversion_sync.delivery.desk import Desk
from conversion_sync.delivery.rows import read
from conversion_sync.delivery.standing import expire, hold_due, release_held
from tests.integration.scripted import Scripted, enable, facts, payments, taken
from tests.integration.world import DAY, EVERYTHING, HOUR, NOW, rows

Act = Callable[[Desk], object]
WAITS = (
    "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
)
LOCKED = "select 1 from conversion order by conversion_id limit {} for update"
CLAIMED = "update conversion set state = 'in_flight', batch_id = 'b', first_sent_at = null"


def in_flight(desk: Desk) -> list[books.Claimed]:
    """Rows as a claim hands them out, the nearest deadline first."""
    with desk.engine.begin() as connection:
        found = connection.execute(
            text("select conversion_id, occurred_at from conversion order by deadline")
        )
        return read(connection, desk, found.all())


def sent(desk: Desk) -> list[books.Outbound]:
    return [item.row for item in in_flight(desk)]


ACTS: Mapping[str, tuple[str, Act]] = {
    "hold what is due": ("", lambda desk: hold_due(desk, EVERYTHING, "no", NOW)),
    "let held rows go": (
        "update conversion set state = 'held', reason = 'credential_or_configuration'",
        lambda desk: release_held(desk, NOW),
    ),
    "give rows in doubt up": (
        f"update conversion set in_doubt = true, first_sent_at = '{NOW - 9 * DAY}'",
        lambda desk: expire(desk, Scripted(taken, facts()), NOW),
    ),
    "send again": (CLAIMED, lambda desk: books.intend(desk, in_flight(desk), NOW)),
    "note a refusal": (CLAIMED, lambda desk: books.refused_whole(desk, sent(desk), "bad", "", NOW)),
    "let waiting rows go": (
        f"update conversion set reason = 'waits_retry', not_before = '{NOW + HOUR}'",
        lambda desk: books.release(desk, sent(desk), NOW),
    ),
}


@pytest.fixture
def engine(database) -> Engine:
    return enable(database.engine, "meta")


@pytest.mark.parametrize(("before", "act"), ACTS.values(), ids=ACTS)
def test_a_delivery_waits_for_planning_before_it_holds_anything(
    engine: Engine, before: str, act: Act
) -> None:
    payments(engine, 20)
    desk = Desk(engine=engine, platform="meta", account="main", run_id="run", targets={})
    desk.open_month(NOW)
    if before:
        with engine.begin() as connection:
            connection.execute(text(before))
    was = rows(engine, "select conversion_id, xmin::text from conversion order by 1")
    failed: list[BaseException] = []

    def work() -> None:
        try:
            act(desk)
        except BaseException as fault:  # noqa: BLE001 - told below
            failed.append(fault)

    worker = threading.Thread(target=work, daemon=True)
    with engine.begin() as planning:
        planning.execute(text(LOCKED.format(1)))
        worker.start()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as watching:
            while not watching.scalar(text(WAITS)):
                assert worker.is_alive(), failed
        planning.execute(text(LOCKED.format(20)))
    worker.join(timeout=60)
    assert failed == []
    assert was != rows(engine, "select conversion_id, xmin::text from conversion order by 1")
