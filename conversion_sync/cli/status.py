"""`conversion-sync status`: how things stand, and what waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from conversion_sync.cli.failure import NOT_DONE
from conversion_sync.cli.options import Json, database_of
from conversion_sync.cli.output import console, count, print_json, table, when

if TYPE_CHECKING:
    from rich.console import Console

    from conversion_sync.reports.status import InboxStatus, PauseStatus, Status, Waiting


def status(
    ctx: typer.Context,
    full: Annotated[bool, typer.Option("--full", help="Check the laws over everything.")] = False,
    json: Json = False,
) -> None:
    """Show what is due, held or in doubt, how far sources are read, and whether the laws hold.

    Exits with 1 when a law is broken.
    """
    from conversion_sync.reports.status import status as read

    with database_of(ctx) as database:
        found = read(database.engine, datetime.now(UTC), full=full)
    if json:
        print_json(found)
    else:
        _show(console(), found, full=full)
    if any(law.broken for law in found.laws):
        raise typer.Exit(NOT_DONE)


def _show(out: Console, found: Status, *, full: bool) -> None:
    if not found.accounts:
        out.print("Nothing was planned yet. Run: conversion-sync sync")
    else:
        out.print(_accounts(found))
    for ad in found.accounts:
        if ad.awaited:
            out.print(
                f"{ad.platform}:{ad.account} has not confirmed {count(ad.awaited, 'request')}, "
                f"the oldest of {when(ad.oldest_awaited)} UTC."
            )
    for pause in found.pauses:
        out.print(_pause(pause), style="yellow", markup=False)
    if found.sources:
        out.print(
            table(
                "Sources",
                ("source", "read until (UTC)", "pulled at", "#rows", "#new", "#late", "#put aside"),
                (
                    (
                        line.source,
                        when(line.read_until),
                        when(line.pulled_at),
                        line.rows_seen,
                        line.rows_new,
                        line.rows_late,
                        line.rows_quarantined,
                    )
                    for line in found.sources
                ),
            )
        )
    for box in found.inbox:
        out.print(_inbox(box), style="yellow" if box.parked else None, markup=False)
    _unused(out, found)
    for line in found.backlog:
        out.print(
            f"Backlog: {count(line.entries, 'change')} wait for `{line.room}` since {when(line.oldest)} UTC."
        )
    span = "everything" if full else "the last 7 days"
    for law in found.laws:
        mark = "[red]✗[/red]" if law.broken else "[green]✓[/green]"
        out.print(f"{mark} {law.law} [dim]({law.detail or span})[/dim]")
    _show_waiting(out, found.needs_human)


def _show_waiting(out: Console, waits: Sequence[Waiting]) -> None:
    if waits:
        out.print()
        out.print("[bold]Waits for a person[/bold]")
    for rows in waits:
        waiting = f"{count(rows.entries, 'row')} {rows.state} ({rows.reason})"
        out.print(f"  {rows.platform}:{rows.account}: {waiting}")
        out.print(f"    {rows.sentence} {rows.code} {rows.text}".rstrip(), markup=False)
        out.print(f"    Remedy: {rows.remedy}", markup=False)
        out.print(f"    Look at one: conversion-sync explain {rows.example}")


def _inbox(box: InboxStatus) -> str:
    place = f"{box.provider}:{box.account}"
    waiting = f"{count(box.waiting, 'webhook')} wait to be landed" if box.waiting else ""
    since = f", since {when(box.oldest)} UTC" if box.oldest else ""
    parked = f"{count(box.parked, 'webhook')} could not be read: {box.reason}" if box.parked else ""
    return f"{place}: {'; '.join(filter(None, (waiting + since, parked)))}"


def _unused(out: Console, found: Status) -> None:
    """Rows of click tables nobody can use, and evidence that contradicts itself."""
    for aside in found.put_aside:
        out.print(
            f"Put aside in the last 7 days: {count(aside.entries, 'row')} of clicks.{aside.source} as "
            f"{aside.reason}, for example {aside.example}: {aside.detail}",
            markup=False,
        )
    for doubt in found.disputed:
        out.print(
            f"Unclear: {count(doubt.entries, doubt.of_end)} ({doubt.reason}), for example {doubt.example}, "
            f"who could be {doubt.candidate}.",
            markup=False,
        )


def _pause(pause: PauseStatus) -> str:
    place = f"{pause.platform}:{pause.account}"
    which = f" ({pause.bucket})" if pause.bucket not in ("", "every") else ""
    what = "down" if pause.what == "breaker_open" else "parked"
    why = f"{pause.code} {pause.text}".strip()
    since, until = when(pause.since), when(pause.until)
    return f"{place}{which} is {what} since {since} UTC ({why}); asked again from {until} UTC on."


def _accounts(found: Status) -> object:
    return table(
        "Ad accounts",
        (
            "ad account",
            "#planned",
            "#due",
            "#in flight",
            "#accepted",
            "#held",
            "#unknown",
            "oldest due (UTC)",
            "next deadline",
            "last delivery",
        ),
        (
            (
                f"{line.platform}:{line.account}",
                line.planned,
                line.due,
                line.in_flight,
                line.accepted,
                line.held,
                line.unknown,
                when(line.oldest_due),
                when(line.next_deadline),
                when(line.last_delivery),
            )
            for line in found.accounts
        ),
    )
