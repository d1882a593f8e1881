"""Bad rows among good ones, through real deliveries: every good one leaves once, every bad one is refused."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, text

from conversion_sync.delivery import books
from conversion_sync.errors import TransientError
from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.platforms.platform import SendResult
from tests.integration.scripted import Scripted, enable, facts, payments, run, states, taken
from tests.integration.world import HOUR, NOW, rows

HOLDERS = (
    "from pg_locks where locktype = 'advisory'"
    " and database = (select oid from pg_database where datname = current_database())"
)
"""Connections that hold a lock of ours."""
STYLES = ("nameless", "all", "first", "nonsense")


@pytest.fixture
def engine(database) -> Engine:
    return enable(database.engine, "meta")


class Picky(Scripted):
    """Refuses every request with a bad row, and names bad rows in a style of its own; a few of its answers
    ask to come back later instead.
    """

    def __init__(self, draw: Random, bad: set[str], style: str, budget: int, batch: int) -> None:
        super().__init__(
            self.answer,
            facts(
                batch_size=batch,
                isolation_requests=budget,
                codes={"bad": Outcome.BAD_BATCH, "again": Outcome.RETRY_LATER},
                of_rows=frozenset({"bad"}),
            ),
        )
        self.draw, self.bad, self.style = draw, bad, style
        self.accepted: list[str] = []

    def answer(self, batch: Sequence[Outbound]) -> SendResult:
        if self.draw.random() < 0.05:
            return SendResult(outcome=Outcome.RETRY_LATER, code="again")
        faulty = [place for place, row in enumerate(batch) if row.vendor_id in self.bad]
        if not faulty:
            self.accepted += [row.vendor_id for row in batch]
            return taken(batch)
        named = {
            "nameless": [],
            "all": faulty,
            "first": faulty[:1],
            "nonsense": [-1, len(batch), *faulty[:1], *faulty[:1]],
        }[self.style]
        return SendResult(outcome=Outcome.BAD_BATCH, code="bad", text="said", named=named)


@pytest.mark.parametrize("seed", range(12))
def test_however_rows_are_bad_and_refusals_are_worded_nothing_is_lost_or_sent_twice(
    engine: Engine, seed: int
) -> None:
    draw = Random(seed)
    count, style = draw.randint(1, 40), STYLES[seed % len(STYLES)]
    payments(engine, count)
    names = [name for (name,) in rows(engine, "select vendor_id from conversion order by 1")]
    bad = set(draw.sample(names, draw.randint(0, count)))
    platform = Picky(draw, bad, style, budget=draw.randint(1, 20), batch=draw.randint(1, 40))

    for hour in range(48):
        before = len(platform.requests)
        run(engine, platform, NOW + hour * HOUR)
        left = sum(number for (state, _), number in states(engine).items() if state == "planned")
        assert sum(states(engine).values()) == count
        assert set(states(engine)) <= {
            ("settled", "confirmed"),
            ("rejected", "platform_refused"),
            ("planned", "waits_retry"),
            ("planned", "ready"),
        }
        if left == 0:
            break
        assert len(platform.requests) > before

    assert sorted(platform.accepted) == sorted(set(names) - bad)
    found = rows(engine, "select vendor_id, state from conversion")
    assert dict(found) == {name: "rejected" if name in bad else "settled" for name in names}


def test_a_search_ends_when_another_delivery_took_its_rows_over_with_the_lock(engine: Engine) -> None:
    payments(engine, 4)
    other = Scripted(taken)

    def refused_while_the_lock_is_lost(_: Sequence[Outbound]) -> SendResult:
        if not other.requests:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text(f"select pg_terminate_backend(pid) {HOLDERS}"))
        return SendResult(outcome=Outcome.BAD_BATCH, code="bad")

    platform = Scripted(refused_while_the_lock_is_lost)
    told = books.refused_whole

    def then_the_other_delivers(*told_of: Any) -> None:
        told(*told_of)
        run(engine, other)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(books, "refused_whole", then_the_other_delivers)
        with pytest.raises(TransientError, match="Another delivery to meta:main has taken over"):
            run(engine, platform)
    assert [len(request) for request in (*platform.requests, *other.requests)] == [4, 4]
    assert states(engine) == {("settled", "confirmed"): 4}
