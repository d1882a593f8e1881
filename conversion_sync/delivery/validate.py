"""Validate: ask the platform to check what is due, without sending it; no row of the ledger changes.

What it would refuse is found row by row as in a delivery. An answer about the account or the
platform itself ends the check: the rest would get the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from conversion_sync.delivery.desk import Desk
from conversion_sync.delivery.gate import Paced
from conversion_sync.delivery.isolate import STOPS, isolate
from conversion_sync.delivery.rows import Claimed, read
from conversion_sync.delivery.tally import Tally
from conversion_sync.model.conversion import Outcome, Reason
from conversion_sync.model.windows import Window
from conversion_sync.platforms.platform import RowResult, SendResult
from conversion_sync.store.queries import query

REFUSED = frozenset({Outcome.REJECTED, Outcome.BAD_BATCH})


def validate(desk: Desk, adapter: Paced, window: Window, now: datetime, tally: Tally) -> None:
    """Checks every batch of every action that is due; `tally` gets what was refused and what stopped it."""

    def check(rows: Sequence[Claimed]) -> SendResult:
        tally.requests += 1
        return adapter.check([item.row for item in rows])

    for batch in _batches(desk, window, now, adapter.catalogue.batch_size):
        good = _valid(adapter, batch, tally)
        if not good:
            continue
        answer = check(good)
        answers: Iterable[tuple[Sequence[Claimed], SendResult]] = [(good, answer)]
        if answer.outcome is Outcome.BAD_BATCH:
            answers = isolate(good, answer, check, adapter.catalogue)
        for rows, result in answers:
            _count(rows, result, tally)
            if result.outcome in STOPS and tally.stopped is None:
                tally.stopped = result
        if tally.stopped is not None:
            return


def _batches(desk: Desk, window: Window, now: datetime, size: int) -> Iterator[list[Claimed]]:
    """What is due, by kind and action, in batches no larger than the platform takes."""
    due = {**desk.key, "now": now, "horizon": window.end}
    with desk.engine.begin() as connection:
        found = connection.execute(query("delivery/due_for_validation"), due).all()
    for _, group in groupby(found, key=lambda row: (row.kind, row.action)):
        keys = list(group)
        for start in range(0, len(keys), size):
            with desk.engine.begin() as connection:
                batch = read(connection, desk, keys[start : start + size])
            yield batch


def _valid(adapter: Paced, batch: Sequence[Claimed], tally: Tally) -> list[Claimed]:
    """The rows that break none of the platform's documented rules."""
    good: list[Claimed] = []
    for item in batch:
        fault = adapter.invalid(item.row)
        if fault is None:
            good.append(item)
        else:
            refusal = RowResult(outcome=Outcome.REJECTED, code=Reason.INVALID_ROW.value, text=fault)
            tally.outcomes[refusal.outcome.value] += 1
            tally.refused.append((item.row, refusal))
    return good


def _count(rows: Sequence[Claimed], result: SendResult, tally: Tally) -> None:
    whole = RowResult(outcome=result.outcome, code=result.code, text=result.text)
    for index, item in enumerate(rows):
        answer = result.rows.get(index, whole)
        tally.outcomes[answer.outcome.value] += 1
        if answer.outcome in REFUSED:
            tally.refused.append((item.row, answer))
