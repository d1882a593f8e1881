"""The ledger as delivery uses it: claim, read, record. Each call that changes rows is one transaction.

State changes are conditional on the state they expect, so a late or repeated call changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row

from conversion_sync.delivery import attempts
from conversion_sync.delivery.attempts import Attempt, Phase
from conversion_sync.model.conversion import (
    ConversionId,
    ConversionKind,
    Outbound,
    Outcome,
    Reason,
    State,
    Verb,
)
from conversion_sync.model.money import Money
from conversion_sync.store.copy import copy_rows
from conversion_sync.store.partitions import ensure_months
from conversion_sync.store.queries import query

OUTCOME_COLUMNS = (
    "conversion_id",
    "state",
    "reason",
    "code",
    "not_before",
    "in_doubt",
    "counts_as_attempt",
    "request_ref",
    "batch_group",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """One account's place at the ledger: which account, which run, which targets its actions have."""

    engine: Engine
    platform: str
    account: str
    run_id: str
    targets: Mapping[str, Mapping[str, str]]

    @property
    def key(self) -> dict[str, str]:
        """The account as bind values."""
        return {"platform": self.platform, "account": self.account}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A row in flight, with what deciding about it needs."""

    row: Outbound
    attempts: int
    first_sent_at: datetime
    batch_group: str
    in_doubt: bool
    """An earlier copy of it may have arrived."""
    later_code: str | None = None
    """Why it last had to wait, which happened `later_tries` times in a row since `later_since`."""
    later_tries: int = 0
    later_since: datetime | None = None
    original_sent_at: datetime | None = None
    """When the conversion a correction corrects was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The state a row goes to, and why. `counts_as_attempt` is False where nothing left for good reason."""

    conversion_id: ConversionId
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


def claim(
    desk: Desk, kind: ConversionKind, now: datetime, horizon: datetime, size: int, *, per_action: bool
) -> list[Claimed]:
    """Puts the next batch in flight and commits the intent; empty when nothing is due."""
    ensure_months(desk.engine, "delivery_attempt", [now])
    batch_id = new_batch_id()
    with desk.engine.begin() as connection:
        ids = list(
            connection.scalars(
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
            )
        )
        batch = read(connection, desk, ids)
        _intend(connection, desk, [item.row for item in batch], batch_id, now)
    return batch


def intend(desk: Desk, rows: Sequence[Outbound], now: datetime) -> str:
    """Commits the intent of one more request for rows already in flight; returns its batch id."""
    batch_id = new_batch_id()
    ensure_months(desk.engine, "delivery_attempt", [now])
    with desk.engine.begin() as connection:
        connection.execute(query("delivery/sent_again"), {"conversion_ids": _ids(rows), "now": now})
        _intend(connection, desk, rows, batch_id, now)
    return batch_id


def refused_whole(desk: Desk, rows: Sequence[Outbound], code: str, text: str, now: datetime) -> None:
    """Commits that a request was refused as a whole. Its rows stay in flight: a search goes on with them."""
    ensure_months(desk.engine, "delivery_attempt", [now])
    batch_id = new_batch_id()
    with desk.engine.begin() as connection:
        connection.execute(query("delivery/not_taken_in"), {"conversion_ids": _ids(rows)})
        attempts.append(
            connection,
            [
                Attempt(
                    at=now,
                    platform=desk.platform,
                    account=desk.account,
                    conversion_id=row.conversion_id,
                    batch_id=batch_id,
                    phase=Phase.OUTCOME,
                    run_id=desk.run_id,
                    outcome=Outcome.BAD_BATCH.value,
                    code=code or None,
                    text=text or None,
                )
                for row in rows
            ],
        )


def read(connection: Connection, desk: Desk, ids: Sequence[str]) -> list[Claimed]:
    """Ledger rows as adapters see them, in the order of the ids."""
    rows = connection.execute(query("delivery/outbound"), {"conversion_ids": list(ids)})
    return [_claimed(desk, row) for row in rows]


def record(desk: Desk, batch_id: str, verdicts: Iterable[Verdict], now: datetime) -> None:
    """Commits the outcome of a request for rows in flight, with its attempts."""
    _write(desk, batch_id, list(verdicts), now, Phase.OUTCOME, "delivery/record_outcomes")


def recover(desk: Desk, batch_id: str, verdicts: Iterable[Verdict], now: datetime) -> None:
    """Commits what is decided about rows a dead delivery left in flight."""
    _write(desk, batch_id, list(verdicts), now, Phase.RECOVERY, "delivery/record_outcomes")


def settle(desk: Desk, batch_id: str, verdicts: Iterable[Verdict], now: datetime) -> None:
    """Commits how the platform finally answered for accepted rows."""
    _write(desk, batch_id, list(verdicts), now, Phase.SETTLEMENT, "delivery/settle_rows")


def new_batch_id() -> str:
    """A fresh name for one request."""
    return uuid.uuid4().hex


def _write(
    desk: Desk, batch_id: str, verdicts: list[Verdict], now: datetime, phase: Phase, statement: str
) -> None:
    if not verdicts:
        return
    ensure_months(desk.engine, "delivery_attempt", [now])
    known = [verdict.conversion_id for verdict in verdicts if _is_known(verdict)]
    with desk.engine.begin() as connection:
        # Stale marks before ledger rows, the order planning locks in: neither waits for the other in a ring.
        connection.execute(query("delivery/mark_corrections"), {"conversion_ids": known})
        connection.execute(query("delivery/outcome_work_tables"))
        copy_rows(
            connection,
            "staged_outcome",
            OUTCOME_COLUMNS,
            [
                (
                    verdict.conversion_id,
                    verdict.state.value,
                    verdict.reason.value,
                    verdict.code or None,
                    verdict.not_before,
                    verdict.in_doubt,
                    verdict.counts_as_attempt,
                    verdict.request_ref,
                    verdict.batch_group,
                )
                for verdict in verdicts
            ],
        )
        connection.execute(query("delivery/lock_staged"))
        connection.execute(query(statement), {"now": now})
        attempts.append(
            connection,
            [
                Attempt(
                    at=now,
                    platform=desk.platform,
                    account=desk.account,
                    conversion_id=verdict.conversion_id,
                    batch_id=batch_id,
                    phase=phase,
                    run_id=desk.run_id,
                    outcome=verdict.outcome,
                    code=verdict.code or None,
                    text=verdict.text or None,
                    request_ref=verdict.request_ref,
                )
                for verdict in verdicts
            ],
        )


def _ids(rows: Sequence[Outbound]) -> list[str]:
    return [row.conversion_id for row in rows]


def _is_known(verdict: Verdict) -> bool:
    """Whether the platform holds the row, or certainly does not; corrections depend on it."""
    return verdict.state not in (State.ACCEPTED, State.UNKNOWN) and not verdict.in_doubt


def _intend(
    connection: Connection, desk: Desk, rows: Sequence[Outbound], batch_id: str, now: datetime
) -> None:
    digest = request_digest(rows)
    attempts.append(
        connection,
        [
            Attempt(
                at=now,
                platform=desk.platform,
                account=desk.account,
                conversion_id=row.conversion_id,
                batch_id=batch_id,
                phase=Phase.INTENT,
                run_id=desk.run_id,
                request_sha256=digest,
            )
            for row in rows
        ],
    )


def request_digest(rows: Sequence[Outbound]) -> str:
    """SHA-256 of what is asked of the platform, in our own canonical form (an SDK's is not stable)."""
    text = json.dumps([asdict(row) for row in rows], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _claimed(desk: Desk, row: Row[Any]) -> Claimed:
    value = None if row.value_minor is None else Money(row.value_minor, row.currency, row.exponent)
    return Claimed(
        attempts=row.attempts,
        first_sent_at=row.first_sent_at,
        batch_group=row.batch_group,
        in_doubt=row.in_doubt,
        later_code=row.later_code,
        later_tries=row.later_tries,
        later_since=row.later_since,
        original_sent_at=row.original_sent_at,
        row=Outbound(
            conversion_id=ConversionId(row.conversion_id),
            vendor_id=row.vendor_id,
            kind=ConversionKind(row.kind),
            verb=Verb(row.verb),
            event_kind=row.event_kind,
            action=row.action,
            target=row.sent_target or desk.targets.get(row.action, {}),
            value=value,
            occurred_at=row.occurred_at,
            click_id_kind=row.click_id_kind,
            click_id=row.click_id,
            click_ids=row.click_ids or {},
            clicked_at=row.clicked_at,
            landing_url=row.landing_url,
            user_agent=row.user_agent,
            ip_address=row.ip_address,
            ad_user_data=row.ad_user_data,
            ad_personalization=row.ad_personalization,
            adjusted_at=row.adjusted_at,
            original_at=row.original_at,
        ),
    )
