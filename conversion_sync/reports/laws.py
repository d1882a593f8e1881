"""The laws of the ledger as questions to the database; each answers with what breaks it (DESIGN.md §4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row

from conversion_sync.delivery.attempts import COLUMNS, link
from conversion_sync.reports.span import span
from conversion_sync.store.queries import query

ROWS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainBreak:
    """A line of the attempts that does not follow from the one before; no `attempt_id` for a lost end."""

    platform: str
    account: str
    attempt_id: int | None
    problem: str


def conservation(engine: Engine, start: datetime | None = None, end: datetime | None = None) -> int:
    """Law 1: how many (alive event, enabled ad account) pairs do not have exactly one current row."""
    with engine.connect() as connection:
        return int(connection.scalar(query("reports/conservation"), span(start, end)) or 0)


def credit_sums(engine: Engine, start: datetime | None = None, end: datetime | None = None) -> dict[str, int]:
    """Per credit model, how many events have shares that do not sum to their net; only models with some."""
    with engine.connect() as connection:
        return {
            row.model: row.events
            for row in connection.execute(query("reports/credit_sums"), span(start, end))
        }


def chain_breaks(engine: Engine, start: datetime | None = None) -> list[ChainBreak]:
    """Digests every attempt again and follows each account's chain to its end.

    With `start` only attempts since then are digested, and the first of each account is taken on trust.
    """
    breaks: list[ChainBreak] = []
    reached: dict[tuple[str, str], str] = {}
    with engine.connect().execution_options(stream_results=True, yield_per=ROWS_AT_ONCE) as connection:
        ends = {
            (row.platform, row.account): row.digest for row in connection.execute(query("reports/chain_ends"))
        }
        attempts = connection.execute(query("reports/chain"), {"start": start or "-infinity"})
        breaks += _follow(attempts, reached, trusting=start is not None)
    for account in sorted(ends.keys() | reached.keys()):
        if start is not None and account not in reached:
            continue
        if ends.get(account) != reached.get(account):
            breaks.append(
                ChainBreak(
                    platform=account[0],
                    account=account[1],
                    attempt_id=None,
                    problem="the newest lines are missing: the chain does not end where the books say",
                )
            )
    return breaks


def _follow(
    attempts: Iterable[Row[Any]], reached: dict[tuple[str, str], str], *, trusting: bool
) -> Iterator[ChainBreak]:
    for row in attempts:
        account = (row.platform, row.account)
        previous = reached.get(account, row.prev_digest if trusting else "")
        problem = ""
        if row.prev_digest != previous:
            problem = "a line before it is missing or changed"
        elif link(row.prev_digest, [getattr(row, column) for column in COLUMNS]) != row.digest:
            problem = "the line was changed after it was written"
        if problem:
            yield ChainBreak(
                platform=row.platform, account=row.account, attempt_id=row.attempt_id, problem=problem
            )
        reached[account] = row.digest
