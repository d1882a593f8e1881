"""The ledger as delivery uses it: claim, read, record. Each call that changes rows is one transaction.

State changes are conditional on the state they expect, so a late or repeated call changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import starmap
from typing import Any, NamedTuple

from sqlalchemy import Connection

from conversion_sync.delivery import attempts
from conversion_sync.delivery.attempts import Note, Page, Phase
from conversion_sync.delivery.desk import Desk, Keyed, keys
from conversion_sync.delivery.rows import Claimed, read
from conversion_sync.errors import TransientError
from conversion_sync.model.conversion import ConversionKind, Outbound, Outcome, Reason, State
from conversion_sync.store.queries import query


class Verdict(NamedTuple):
    """The state rows go to, and why. `counts_as_attempt` is False where nothing left for good reason."""

    state: State
    reason: Reason
    outcome: str
    code: str = ""
    text: str = ""
    not_before: datetime | None = None
    in_doubt: bool = False
    counts_as_attempt: bool = True
    request_ref: str | None = None
    batch_group: str | None = None
    alone: bool = False
    """Each row goes again in a request of its own."""

    @property
    def is_final_word(self) -> bool:
        """Whether the platform holds the rows, or certainly does not; corrections depend on it."""
        return self.state not in (State.ACCEPTED, State.UNKNOWN) and not self.in_doubt


Verdicts = Mapping[Verdict, Sequence[Keyed]]
"""Verdicts, each with the rows it is given on."""


def together(given: Iterable[tuple[Verdict, Keyed]]) -> Verdicts:
    """The same by verdict, in the order they were first given."""
    alike: dict[Verdict, list[Keyed]] = {}
    for verdict, row in given:
        alike.setdefault(verdict, []).append(row)
    return alike


def claim(
    desk: Desk,
    kind: ConversionKind,
    now: datetime,
    horizon: datetime,
    size: int,
    *,
    per_action: bool,
    before: Callable[[], None] = lambda: None,
) -> list[Claimed]:
    """Puts the next batch in flight and commits the intent; empty when nothing is due.

    `before` is called when the rows are read, before the intent is written; if it raises, nothing is claimed.
    """
    desk.open_month(now)
    batch_id = new_batch_id()
    with desk.by_key() as connection:
        claimed = connection.execute(
            query("delivery/claim"),
            {
                **desk.key,
                "kind": kind.value,
                "now": now,
                "horizon": horizon,
                "per_action": per_action,
                "batch_size": size,
                "batch_id": batch_id,
                "targets": json.dumps({action: dict(target) for action, target in desk.targets.items()}),
            },
        ).all()
        batch = read(connection, desk, claimed)
        rows = [item.row for item in batch]
        digest = request_digest(rows)
        before()
        _intend(connection, desk, rows, digest, batch_id, now)
    return batch


def intend(desk: Desk, rows: Sequence[Claimed], now: datetime) -> str:
    """Commits the intent of one more request for rows of one claim; returns its batch id.

    Raises TransientError when they are another delivery's by now: this one has lost the account's lock.
    """
    batch_id = new_batch_id()
    desk.open_month(now)
    sent = [item.row for item in rows]
    with desk.by_key() as connection:
        connection.execute(query("delivery/hold_rows"), keys(sent))
        ours = {**keys(sent), "claimed_as": rows[0].batch_id, "now": now}
        if connection.execute(query("delivery/sent_again"), ours).rowcount != len(rows):
            raise TransientError(
                f"Another delivery to {desk.platform}:{desk.account} has taken over: the connection that "
                "held this one's lock is lost.",
                remedy="None needed: what is left is the other's. If it happens often, look for what ends "
                "idle connections to the database.",
            )
        _intend(connection, desk, sent, request_digest(sent), batch_id, now)
    return batch_id


def release(desk: Desk, rows: Sequence[Outbound], now: datetime) -> None:
    """Lets rows go again that wait only because their delivery pauses."""
    with desk.by_key() as connection:
        connection.execute(query("delivery/hold_rows"), keys(rows))
        connection.execute(query("delivery/release_waiting"), {**keys(rows), "now": now})


def refused_whole(desk: Desk, rows: Sequence[Outbound], code: str, text: str, now: datetime) -> None:
    """Commits that a request was refused as a whole. Its rows stay in flight: a search goes on with them."""
    desk.open_month(now)
    note = Note([row.conversion_id for row in rows], Outcome.BAD_BATCH.value, code or None, text or None)
    with desk.by_key() as connection:
        connection.execute(query("delivery/hold_rows"), keys(rows))
        connection.execute(query("delivery/not_taken_in"), keys(rows))
        attempts.append(connection, _page(desk, new_batch_id(), Phase.OUTCOME, now), [note])


def record(desk: Desk, verdicts: Verdicts, now: datetime) -> None:
    """Commits the outcome of a request for rows in flight, with its attempts."""
    _write(desk, new_batch_id(), verdicts, now, Phase.OUTCOME, State.IN_FLIGHT)


def recover(desk: Desk, verdicts: Verdicts, now: datetime) -> None:
    """Commits what is decided about rows a dead delivery left in flight."""
    _write(desk, new_batch_id(), verdicts, now, Phase.RECOVERY, State.IN_FLIGHT)


def settle(desk: Desk, batch_id: str, verdicts: Verdicts, now: datetime) -> None:
    """Commits how the platform finally answered for accepted rows."""
    _write(desk, batch_id, verdicts, now, Phase.SETTLEMENT, State.ACCEPTED)


def new_batch_id() -> str:
    """A fresh name for one request."""
    return uuid.uuid4().hex


def _write(
    desk: Desk, batch_id: str, verdicts: Verdicts, now: datetime, phase: Phase, from_state: State
) -> None:
    if not verdicts:
        return
    desk.open_month(now)
    named = {verdict: keys(rows) for verdict, rows in verdicts.items()}
    with desk.by_key() as connection:
        # Stale marks before ledger rows, the order planning locks in: neither waits for the other in a ring.
        for verdict, rows in named.items():
            if verdict.is_final_word:
                connection.execute(query("delivery/mark_corrections"), rows)
        if len(verdicts) > 1:
            everything = [row for rows in verdicts.values() for row in rows]
            connection.execute(query("delivery/hold_rows"), keys(everything))
        for verdict, rows in named.items():
            connection.execute(
                query("delivery/record_outcomes"),
                {**rows, **_becomes(verdict), "from_state": from_state.value, "now": now},
            )
        attempts.append(connection, _page(desk, batch_id, phase, now), list(starmap(_note, verdicts.items())))


def _becomes(verdict: Verdict) -> dict[str, Any]:
    """What a verdict writes into its rows, as bind values."""
    return {
        "state": verdict.state.value,
        "reason": verdict.reason.value,
        "code": verdict.code or None,
        "not_before": verdict.not_before,
        "in_doubt": verdict.in_doubt,
        "counts_as_attempt": verdict.counts_as_attempt,
        "request_ref": verdict.request_ref,
        "batch_group": verdict.batch_group,
        "alone": verdict.alone,
    }


def _note(verdict: Verdict, rows: Sequence[Keyed]) -> Note:
    ids = [row.conversion_id for row in rows]
    return Note(ids, verdict.outcome, verdict.code or None, verdict.text or None, verdict.request_ref)


def _page(desk: Desk, batch_id: str, phase: Phase, now: datetime, request_sha256: str | None = None) -> Page:
    return Page(
        at=now,
        platform=desk.platform,
        account=desk.account,
        batch_id=batch_id,
        phase=phase,
        run_id=desk.run_id,
        request_sha256=request_sha256,
    )


def _intend(
    connection: Connection, desk: Desk, rows: Sequence[Outbound], digest: str, batch_id: str, now: datetime
) -> None:
    page = _page(desk, batch_id, Phase.INTENT, now, digest)
    attempts.append(connection, page, [Note([row.conversion_id for row in rows])])


def request_digest(rows: Sequence[Outbound]) -> str:
    """SHA-256 of what is asked of the platform, in our own canonical form (an SDK's is not stable)."""
    targets = {id(row.target): str(row.target) for row in rows}
    asked = [_asked(row, targets[id(row.target)]) for row in rows]
    return hashlib.sha256("\n".join(asked).encode(errors="surrogatepass")).hexdigest()


def _asked(row: Outbound, target: str) -> str:
    """What is asked for one row; times as seconds, which cost a fraction of their text."""
    value, adjusted_at = row.value, row.adjusted_at
    return (
        f"{row.vendor_id} {row.verb} {target}"
        f" {value.minor if value else ''} {value.currency if value else ''}"
        f" {row.occurred_at.timestamp()} {adjusted_at.timestamp() if adjusted_at else ''} {row.click_ids}"
        f" {row.landing_url} {row.user_agent} {row.ip_address} {row.ad_user_data} {row.ad_personalization}"
        f" {row.identifiers or ''}"
    )
