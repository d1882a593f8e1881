"""Attempts: what was asked of a platform and what it answered, chained so that no line can vanish.

Every line carries the digest of its account's line before it. Written twice for a request:
`intent` in the transaction that claims its rows, `outcome` in the one that records the answer. What a
person decides about a row is a line of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from sqlalchemy import Connection

from conversion_sync.store.copy import copy_lines, copy_value
from conversion_sync.store.queries import query

COLUMNS = (
    "conversion_id",
    "at",
    "platform",
    "account",
    "batch_id",
    "phase",
    "outcome",
    "code",
    "text",
    "request_ref",
    "request_sha256",
    "run_id",
)
"""What a line's digest covers, in this order."""
BETWEEN, NOTHING = "\x1f", "\x00"
"""Between digested values, and in place of a null: neither stands in a value, texts are on one line."""


class Phase(StrEnum):
    """Which moment of a request."""

    INTENT = "intent"
    OUTCOME = "outcome"
    SETTLEMENT = "settlement"
    RECOVERY = "recovery"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the lines of one moment share."""

    at: datetime
    platform: str
    account: str
    batch_id: str
    phase: Phase
    run_id: str
    request_sha256: str | None = None


class Note(NamedTuple):
    """What happened alike to some rows at that moment: a line each. `text` is redacted already."""

    conversion_ids: Sequence[str]
    outcome: str | None = None
    code: str | None = None
    text: str | None = None
    request_ref: str | None = None


def append(connection: Connection, page: Page, notes: Sequence[Note]) -> None:
    """Adds lines to the end of one account's chain, in order. The month's partition must exist."""
    if not notes:
        return
    ends = {"platform": page.platform, "account": page.account}
    end = str(connection.scalar(query("delivery/chain_end"), ends))
    copied: list[str] = []
    for conversion_ids, *said in notes:
        digested, written = _shared(page, said)
        for conversion_id in conversion_ids:
            previous, end = end, sha256(f"{end}{BETWEEN}{conversion_id}{digested}".encode()).hexdigest()
            copied.append(f"{conversion_id}{written}\t{previous}\t{end}\n")
    copy_lines(connection, "delivery_attempt", (*COLUMNS, "prev_digest", "digest"), copied)
    connection.execute(query("delivery/move_chain_end"), {**ends, "digest": end})


def link(previous: str, values: Sequence[object]) -> str:
    """The digest of a line: SHA-256 over the digest before it and the line's values by COLUMNS, hex."""
    return sha256(BETWEEN.join([previous, *map(_digested, values)]).encode()).hexdigest()


def _shared(page: Page, said: Sequence[str | None]) -> tuple[str, str]:
    """What stands after the names of rows that are alike, to be digested and to be written."""
    before = (page.at, page.platform, page.account, page.batch_id, page.phase.value)
    values = [_text(value) for value in (*before, *said, page.request_sha256, page.run_id)]
    digested = [NOTHING if value is None else value for value in values]
    return BETWEEN.join(["", *digested]), "\t".join(["", *map(copy_value, values)])


def _digested(value: object) -> str:
    text = _text(value)
    return NOTHING if text is None else text


def _text(value: object) -> str | None:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return None if value is None else str(value)
