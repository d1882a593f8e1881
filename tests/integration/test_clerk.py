"""The outcome of one request is written while the next is claimed, in the order the books have."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from sqlalchemy import Engine, text

from conversion_sync.model.conversion import Outbound
from conversion_sync.platforms.platform import SendResult
from tests.integration.scripted import Scripted, enable, payments, run, states, taken
from tests.integration.world import rows

WAITING = (
    "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
)
HELD = "select 1 from conversion {} order by conversion_id for update"
CHANGED_BY_A_CLAIM = ("state", "reason", "attempts", "batch_id", "first_sent_at", "changed_at", "sent_target")


@pytest.fixture
def engine(database) -> Engine:
    payments(enable(database.engine, "meta"), 12)
    return database.engine


def test_no_intent_is_written_before_the_outcome_of_the_request_before(engine: Engine) -> None:
    run(engine, Scripted(taken))
    phases = rows(
        engine,
        "select phase, count(*)::int from delivery_attempt group by phase, batch_id order by min(attempt_id)",
    )
    assert phases == [("intent", 4), ("outcome", 4)] * 3


def test_a_request_leaves_only_when_the_one_before_it_is_in_the_books(engine: Engine) -> None:
    seen: list[dict[tuple[str, str], int]] = []

    def answer(batch: Sequence[Outbound]) -> SendResult:
        seen.append(states(engine))
        return taken(batch)

    run(engine, Scripted(answer))
    assert [found["in_flight", "sent"] for found in seen] == [4, 4, 4]
    assert [found.get(("settled", "confirmed"), 0) for found in seen] == [0, 4, 8]


def test_planning_that_holds_an_outcome_up_and_waits_for_the_next_claim_is_let_through(
    engine: Engine,
) -> None:
    planners: list[threading.Thread] = []

    def plan(held: threading.Event) -> None:
        with engine.begin() as planning, engine.connect() as look:
            planning.execute(text(HELD.format("where state = 'in_flight'")))
            held.set()
            watching = look.execution_options(isolation_level="AUTOCOMMIT")
            while not watching.scalar(text(WAITING)):
                pass
            planning.execute(text(HELD.format("")))

    def answer(batch: Sequence[Outbound]) -> SendResult:
        if not planners:
            held = threading.Event()
            planners.append(threading.Thread(target=plan, args=(held,), daemon=True))
            planners[0].start()
            assert held.wait(30)
        return taken(batch)

    run(engine, Scripted(answer))
    planners[0].join(timeout=30)
    assert states(engine) == {("settled", "confirmed"): 12}


def test_a_claim_changes_nothing_that_an_index_knows(engine: Engine) -> None:
    indexes = rows(engine, "select indexdef from pg_indexes where tablename = 'conversion'")
    assert indexes
    for (index,) in indexes:
        assert not {word.strip("(),") for word in index.split()} & set(CHANGED_BY_A_CLAIM), index
