"""`conversion-sync ledger`: the books, for people and for programs."""

from __future__ import annotations

import csv
import itertools
import sys
from collections.abc import Iterable
from contextlib import closing
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from conversion_sync.cli.options import Account, From, Json, Platform, To, database_of
from conversion_sync.cli.output import amount, console, count, plain, print_json, table, when
from conversion_sync.model.conversion import Reason, State

if TYPE_CHECKING:
    from conversion_sync.reports.ledger import LedgerRecord

TABLE_ROWS = 200


class Format(StrEnum):
    """How records are written."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"


def ledger(
    ctx: typer.Context,
    state: Annotated[State | None, typer.Option(help="Only rows in this state.")] = None,
    platform: Platform = None,
    account: Account = None,
    reason: Annotated[Reason | None, typer.Option(help="Only rows with this reason.")] = None,
    start: From = None,
    end: To = None,
    form: Annotated[
        Format, typer.Option("--format", help="A table shows the first rows; jsonl and csv show all.")
    ] = Format.TABLE,
    json: Json = False,
) -> None:
    """Show the books: one record for every conversion at every ad account, and why it is where it is."""
    from conversion_sync.reports.ledger import ledger as read

    with database_of(ctx) as database:
        found = read(
            database.engine,
            state=state and state.value,
            platform=platform,
            account=account,
            reason=reason and reason.value,
            start=start,
            end=end,
        )
        with closing(found) as records:
            if json or form is Format.JSONL:
                for record in records:
                    print_json(record, indent=None)
            elif form is Format.CSV:
                _csv(records)
            else:
                _table(records)


def _csv(records: Iterable[LedgerRecord]) -> None:
    from conversion_sync.reports.ledger import FIELDS

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(FIELDS)
    for record in records:
        cells = plain(record)
        writer.writerow(["" if cells[name] is None else cells[name] for name in FIELDS])


def _table(records: Iterable[LedgerRecord]) -> None:
    rows = list(itertools.islice(records, TABLE_ROWS + 1))
    out = console()
    if not rows:
        out.print("No rows.")
        return
    out.print(
        table(
            "Ledger",
            ("when (UTC)", "ad account", "event", "#value", "state", "reason", "click", "conversion"),
            (
                (
                    when(row.occurred_at),
                    f"{row.platform}:{row.account}",
                    row.event_kind,
                    amount(row.value_minor, row.exponent, row.currency),
                    row.state,
                    f"{row.reason} {row.code or ''}".strip(),
                    row.click_id_kind or "-",
                    row.conversion_id[:12],
                )
                for row in rows[:TABLE_ROWS]
            ),
        )
    )
    if len(rows) > TABLE_ROWS:
        out.print(f"The first {count(TABLE_ROWS, 'row')}. Narrow by an option, or take all: --format jsonl.")
