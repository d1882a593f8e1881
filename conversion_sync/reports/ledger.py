"""The ledger, one documented record a row: docs/ledger.md says what each field means."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Engine

from conversion_sync.reports.span import span
from conversion_sync.store.queries import query

ROWS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRecord:
    """One conversion or correction at one ad account. Amounts in minor units, times aware UTC."""

    conversion_id: str
    revenue_event: str
    object_type: str | None
    object_id: str | None
    invoice: str | None
    subscription: str | None
    payment: str | None
    customer: str | None
    platform: str
    account: str
    action: str | None
    kind: str
    verb: str
    event_kind: str
    state: str
    reason: str
    value_minor: int | None
    book_minor: int
    exponent: int | None
    currency: str | None
    occurred_at: datetime
    click_id_kind: str | None
    click_id: str | None
    clicked_at: datetime | None
    vendor_id: str
    attempts: int
    code: str | None
    text: str | None
    deadline: datetime | None
    not_before: datetime | None


FIELDS = tuple(field.name for field in fields(LedgerRecord))


def ledger(
    engine: Engine,
    *,
    state: str | None = None,
    platform: str | None = None,
    account: str | None = None,
    reason: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> Generator[LedgerRecord, None, None]:
    """Records in order of the event's time, streamed: memory does not grow with the ledger.

    Close it when you stop early; it holds a connection.

    [start, end) is the event's time. Rows that another took the place of come only with reason
    `replanned`.
    """
    chosen = {"state": state, "platform": platform, "account": account, "reason": reason}
    with engine.connect().execution_options(stream_results=True, yield_per=ROWS_AT_ONCE) as connection:
        rows = connection.execute(query("reports/ledger"), {**chosen, **span(start, end)})
        for row in rows.mappings():
            yield LedgerRecord(**row)
