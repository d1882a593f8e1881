"""Rows of many requests share a commit, and nothing else: neither another's fault nor another's wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from conversion_sync.receiver.commit import Connection, GroupCommit, NotKept, connector
from tests.integration.world import rows


async def write(connection: Connection, numbers: Sequence[object]) -> None:
    """Rows that are no numbers are refused by the database, or by the driver."""
    await connection.execute(
        "insert into kept select * from unnest(%s::text[]::int[])", ([str(number) for number in numbers],)
    )


async def at_once(url: str, told: Sequence[object]) -> list[BaseException | None]:
    commit: GroupCommit[object] = GroupCommit(connector(url), write, patience=5)
    async with commit.running():
        return await asyncio.gather(*map(commit.keep, told), return_exceptions=True)


@pytest.mark.parametrize("bad", ["no number", "\0", "\ud800"])
def test_a_row_that_cannot_be_written_keeps_no_other_out(database, bad: str) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("create table kept (number int)")
    told = [*range(5), bad, *range(5, 10)]
    answers = asyncio.run(at_once(database.url, told))
    assert [isinstance(answer, NotKept) for answer in answers] == [one == bad for one in told]
    assert rows(database.engine, "select number from kept order by 1") == [(one,) for one in range(10)]


def test_what_was_taken_is_written_before_the_end(database) -> None:
    with database.engine.begin() as connection:
        connection.exec_driver_sql("create table kept (number int)")

    async def leave() -> list[BaseException | None]:
        commit: GroupCommit[object] = GroupCommit(connector(database.url), write, patience=5)
        async with commit.running():
            waiting = [asyncio.create_task(commit.keep(number)) for number in range(2000)]
            await asyncio.sleep(0)  # each is in the queue, none is written
        return await asyncio.gather(*waiting, return_exceptions=True)

    assert asyncio.run(leave()) == [None] * 2000
    assert rows(database.engine, "select count(*) from kept") == [(2000,)]
