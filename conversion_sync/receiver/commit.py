"""Group commit: rows of many requests in one transaction, each request told once its row is on disk.

One task writes. While a commit waits for the disk the next rows gather, so that a slow disk makes groups
larger, not requests slower. A group that fails is told to everybody in it as `NotKept`, and the next one
connects anew; whoever sent a row sends it again, which is harmless.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import psycopg

from conversion_sync.errors import ConversionSyncError
from conversion_sync.store.faults import first_line

Row = TypeVar("Row")
Connection = psycopg.AsyncConnection[tuple[object, ...]]
Connect = Callable[[], Awaitable[Connection]]

GROUP = 500
"""Rows of a transaction at most."""

AWAY = (psycopg.OperationalError, psycopg.InterfaceError, ConversionSyncError, OSError)
"""The database does not work, whatever the rows are."""

log = logging.getLogger(__name__)


class NotKept(Exception):  # noqa: N818 - a state of the row, told to the route, not an error of the family
    """The row may not be on disk: the database is away, or took too long."""


@dataclass(slots=True)
class _Waiting(Generic[Row]):
    row: Row | None
    """None for a question whether the database answers."""
    kept: asyncio.Future[None]


class GroupCommit(Generic[Row]):
    """Writes rows with `write`, one statement a group, on a connection of its own in autocommit mode.

    `patience` is how long a request waits, in seconds: less than the sender's own.
    """

    def __init__(
        self,
        connect: Connect,
        write: Callable[[Connection, Sequence[Row]], Awaitable[None]],
        *,
        patience: float,
    ) -> None:
        self._connect, self._write, self._patience = connect, write, patience
        self._queue: asyncio.Queue[_Waiting[Row] | None] = asyncio.Queue()
        self._connection: Connection | None = None
        self._well = True

    async def keep(self, row: Row) -> None:
        """Returns when the row is committed. Raises NotKept."""
        await self._ask(row)

    async def reach(self) -> None:
        """Returns when the database answered, after everything that waits before. Raises NotKept."""
        await self._ask(None)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Writes while the block runs; what was taken before its end is written before it is left."""
        writer = asyncio.create_task(self._run())
        try:
            yield
        finally:
            self._queue.put_nowait(None)
            await writer
            await self._disconnect()

    async def _ask(self, row: Row | None) -> None:
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(_Waiting(row, kept))
        try:
            async with asyncio.timeout(self._patience):
                await kept
        except TimeoutError:
            raise NotKept from None

    async def _run(self) -> None:
        more = True
        while more:
            group, more = await self._gather()
            if group:
                await self._commit(group)

    async def _gather(self) -> tuple[list[_Waiting[Row]], bool]:
        """What waits, without those whose request gave up; and whether more may come."""
        group: list[_Waiting[Row]] = []
        waiting = await self._queue.get()
        while waiting is not None:
            if not waiting.kept.done():
                group.append(waiting)
            if len(group) == GROUP or self._queue.empty():
                return group, True
            waiting = self._queue.get_nowait()
        return group, False

    async def _commit(self, group: Sequence[_Waiting[Row]]) -> None:
        """Writes a group together; what is wrong with a row of it keeps no other out."""
        try:
            await self._write_group([waiting.row for waiting in group if waiting.row is not None])
        except AWAY as fault:
            self._say(fault)
            await self._disconnect()
            self._tell(group, NotKept())
        except Exception as fault:  # noqa: BLE001 - whatever it is, the next group has to be written
            if len(group) > 1:
                for waiting in group:
                    await self._commit([waiting])
                return
            # Its words may hold a value of the row: only the class is told.
            log.error("A row could not be written: %s.", type(fault).__name__)
            await self._disconnect()
            self._tell(group, NotKept())
        else:
            self._say(None)
            self._tell(group, None)

    async def _write_group(self, rows: Sequence[Row]) -> None:
        connection = await self._connected()
        if rows:
            await self._write(connection, rows)
        else:
            await connection.execute("select 1")

    @staticmethod
    def _tell(group: Sequence[_Waiting[Row]], fault: NotKept | None) -> None:
        """Each request that still waits."""
        for waiting in group:
            if waiting.kept.done():
                continue
            if fault is None:
                waiting.kept.set_result(None)
            else:
                waiting.kept.set_exception(fault)

    async def _connected(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = await self._connect()
        return self._connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                await connection.close()

    def _say(self, fault: Exception | None) -> None:
        """Only the changes: a database that is down fails every group."""
        if fault is not None and self._well:
            log.error(
                "The database failed: %s. Requests are answered 503 until it is back.", first_line(fault)
            )
        elif fault is None and not self._well:
            log.warning("The database is back.")
        self._well = fault is None


def connector(url: str, revive: Callable[[], None] | None = None) -> Connect:
    """Connects to a `postgresql://` address so that a commit is on disk and a dead server is noticed.

    `revive` starts a server that is ours, where nobody else would.
    """

    async def connect() -> Connection:
        try:
            return await once()
        except psycopg.OperationalError:
            if revive is None:
                raise
            await asyncio.to_thread(revive)
            return await once()

    async def once() -> Connection:
        return await psycopg.AsyncConnection.connect(
            url,
            autocommit=True,
            connect_timeout=5,
            tcp_user_timeout=10_000,
            keepalives_idle=30,
            keepalives_interval=5,
            keepalives_count=3,
            # Whatever the server's default is: an answer of 200 means the disk.
            options="-c synchronous_commit=on -c timezone=UTC -c statement_timeout=10s",
        )

    return connect
