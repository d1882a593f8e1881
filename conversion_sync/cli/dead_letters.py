"""`conversion-sync dead-letters`: the rows that wait for a person, and what to do about each."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from conversion_sync.cli.options import Account, Code, From, Json, Platform, To, database_of, settings_of
from conversion_sync.cli.output import amount, console, count, moneys, print_json, table, when

if TYPE_CHECKING:
    from rich.console import Console

    from conversion_sync.reports.dead_letters import DeadLetter, DeadLetters

PAGE = 50


class Waiting(StrEnum):
    """The states a person has to look at."""

    REJECTED = "rejected"
    UNKNOWN = "unknown"
    HELD = "held"


def dead_letters(
    ctx: typer.Context,
    state: Annotated[Waiting | None, typer.Option(help="Only rows in this state.")] = None,
    held: Annotated[
        bool, typer.Option("--held", help="Also rows held for the account to be mended.")
    ] = False,
    code: Code = None,
    platform: Platform = None,
    account: Account = None,
    start: From = None,
    end: To = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many rows.")] = PAGE,
    skip: Annotated[int, typer.Option(min=0, help="Leave out so many rows first.")] = 0,
    json: Json = False,
) -> None:
    """List refused rows and rows in doubt: what the platform said, since when, and what to do."""
    from conversion_sync.model.conversion import State
    from conversion_sync.platforms.registry import catalogues
    from conversion_sync.reports.dead_letters import WAITING
    from conversion_sync.reports.dead_letters import dead_letters as read

    states = (State(state.value),) if state else (*WAITING, *((State.HELD,) if held else ()))
    with database_of(ctx) as database:
        found = read(
            database.engine,
            catalogues(settings_of(ctx)),
            states=states,
            platform=platform,
            account=account,
            code=code,
            start=start,
            end=end,
            limit=limit,
            skip=skip,
        )
    if json:
        print_json(found)
    else:
        _show(console(), found, datetime.now(UTC))


def _show(out: Console, found: DeadLetters, now: datetime) -> None:
    if not found.groups:
        out.print("Nothing waits for a person.")
        return
    for group in found.groups:
        place = f"{group.platform}:{group.account} {group.state} {group.code or group.reason}"
        worth = f", worth {moneys(group.value)}" if group.value else ""
        out.print(f"[bold]{place}[/bold]: {count(group.entries, 'row')}{worth}, since {when(group.oldest)}")
        out.print(f"    {group.sentence}", markup=False)
        out.print(f"    Remedy: {group.remedy}", markup=False)
        out.print(f"    Then: {group.command}", markup=False)
    if not found.rows:
        return
    out.print()
    out.print(
        table(
            "Rows",
            ("conversion", "ad account", "state", "code", "event", "#value", "#age", "leave by (UTC)"),
            (
                (
                    row.vendor_id if row.kind == "conversion" else row.conversion_id,
                    f"{row.platform}:{row.account}",
                    row.state,
                    row.code or "-",
                    row.event_kind,
                    amount(row.value_minor, row.exponent, row.currency) or "-",
                    age(now - row.since),
                    when(row.deadline),
                )
                for row in found.rows
            ),
        )
    )
    _texts(out, found.rows)
    if found.more:
        next_page = found.skipped + len(found.rows)
        out.print(f"{count(found.more, 'more row')[:-1]}s follow: --skip {next_page}, or --limit.")


def _texts(out: Console, rows: tuple[DeadLetter, ...]) -> None:
    """What was said, once for all rows of which the same was said."""
    said: dict[tuple[str, str], int] = {}
    for row in rows:
        if row.text:
            said[row.code, row.text] = said.get((row.code, row.text), 0) + 1
    for (code, text), rows_alike in said.items():
        out.print(f"{count(rows_alike, 'row')}: {code} {text}", markup=False)


def age(span: timedelta) -> str:
    """`3 d`, `5 h`, `12 min`."""
    minutes = max(int(span.total_seconds() // 60), 0)
    if minutes >= 48 * 60:
        return f"{minutes // (24 * 60)} d"
    return f"{minutes // 60} h" if minutes >= 60 else f"{minutes} min"
