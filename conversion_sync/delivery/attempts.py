"""Attempts: what was asked of a platform and what it answered, chained so that no line can vanish.

Every attempt carries the digest of its account's attempt before it. Written twice for a request:
`intent` in the transaction that claims its rows, `outcome` in the one that records the answer. What a
person decides about a row is a line of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import Connection

from conversion_sync.store.copy import copy_rows
from conversion_sync.store.queries import query

COLUMNS = (
    "at",
    "platform",
    "account",
    "conversion_id",
    "batch_id",
    "phase",
    "outcome",
    "code",
    "text",
    "request_ref",
    "request_sha256",
    "run_id",
)


class Phase(StrEnum):
    """Which moment of a request."""

    INTENT = "intent"
    OUTCOME = "outcome"
    SETTLEMENT = "settlement"
    RECOVERY = "recovery"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One line: what happened to one row at one moment. `text` is redacted already."""

    at: datetime
    platform: str
    account: str
    conversion_id: str
    batch_id: str
    phase: Phase
    run_id: str
    outcome: str | None = None
    code: str | None = None
    text: str | None = None
    request_ref: str | None = None
    request_sha256: str | None = None


def append(connection: Connection, attempts: Sequence[Attempt]) -> None:
    """Adds lines to the end of one account's chain, in order. The month's partition must exist."""
    if not attempts:
        return
    ends = {"platform": attempts[0].platform, "account": attempts[0].account}
    end = str(connection.scalar(query("delivery/chain_end"), ends))
    rows: list[tuple[object, ...]] = []
    for attempt in attempts:
        values = _values(attempt)
        previous, end = end, link(end, values)
        rows.append((*values, previous, end))
    copy_rows(connection, "delivery_attempt", (*COLUMNS, "prev_digest", "digest"), rows)
    connection.execute(query("delivery/move_chain_end"), {**ends, "digest": end})


def link(previous: str, values: Sequence[object]) -> str:
    """The digest of a line: SHA-256 over the digest before it and the line's values, hex."""
    text = json.dumps([previous, *map(_text, values)], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _values(attempt: Attempt) -> tuple[object, ...]:
    return (
        attempt.at,
        attempt.platform,
        attempt.account,
        attempt.conversion_id,
        attempt.batch_id,
        attempt.phase.value,
        attempt.outcome,
        attempt.code,
        attempt.text,
        attempt.request_ref,
        attempt.request_sha256,
        attempt.run_id,
    )


def _text(value: object) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return None if value is None else str(value)
