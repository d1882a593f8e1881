"""What is decided about an account's rows before anything leaves, and when nothing may leave any more.

Rows a dead delivery left in flight are recovered, rows whose time ran out are given up, rows held for a
credential get another chance.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from conversion_sync.delivery import books
from conversion_sync.delivery.books import Verdict, together
from conversion_sync.delivery.desk import Desk
from conversion_sync.delivery.plan import plan
from conversion_sync.delivery.verdicts import NOT_TRIED, doubtful_since, in_doubt
from conversion_sync.model.conversion import Outcome, Reason, State
from conversion_sync.model.windows import Window
from conversion_sync.platforms.platform import Catalogue, Platform
from conversion_sync.store.queries import query


def recover(desk: Desk, adapter: Platform, now: datetime) -> int:
    """Decides about rows a dead delivery left in flight; returns how many may have arrived."""
    with desk.engine.begin() as connection:
        orphans = connection.execute(query("delivery/orphans"), desk.key).all()
    verdicts = together((_orphaned(orphan, adapter.catalogue, now), orphan) for orphan in orphans)
    books.recover(desk, verdicts, now)
    return sum(len(rows) for verdict, rows in verdicts.items() if verdict.in_doubt)


def _orphaned(orphan: Row[Any], facts: Catalogue, now: datetime) -> Verdict:
    """`orphan` by sql/delivery/orphans.sql."""
    if orphan.first_sent_at is None:
        return Verdict(
            state=State.PLANNED,
            reason=Reason.WAITS_RETRY,
            outcome=Outcome.RETRY_LATER.value,
            code=NOT_TRIED,
            text="The platform refused its request; the delivery died before it was sent again.",
            not_before=now,
        )
    state, reason, not_before, doubtful = in_doubt(orphan.first_sent_at, facts, now, now)
    return Verdict(
        state=state,
        reason=reason,
        outcome=Outcome.AMBIGUOUS.value,
        text="The delivery that sent it died before it wrote down the answer.",
        not_before=not_before,
        in_doubt=doubtful,
    )


def expire(desk: Desk, adapter: Platform, now: datetime) -> None:
    """Gives up what can no longer be sent; planning says of what never left why that is."""
    with desk.engine.begin() as connection:
        connection.execute(
            query("delivery/give_up"),
            {**desk.key, "now": now, "doubtful_since": doubtful_since(adapter.catalogue, now)},
        )
    with desk.engine.begin() as connection:
        late = connection.execute(query("delivery/expire"), {**desk.key, "now": now}).rowcount
    if late:
        plan(desk.engine, None, now)


def release_held(desk: Desk, now: datetime) -> None:
    """Gives the rows that wait for a credential another chance."""
    with desk.engine.begin() as connection:
        connection.execute(query("delivery/release_held"), {**desk.key, "now": now})


def hold_due(desk: Desk, window: Window, code: str, now: datetime) -> None:
    """Holds all that is due: the account's credential or configuration was refused with this code."""
    with desk.engine.begin() as connection:
        connection.execute(
            query("delivery/hold_due"), {**desk.key, "code": code or None, "now": now, "horizon": window.end}
        )
