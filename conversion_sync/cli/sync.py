"""`conversion-sync sync`: the same assets as the schedule runs, from the command line."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from conversion_sync.cli.failure import NOT_DONE
from conversion_sync.cli.options import From, Json, To, settings_of
from conversion_sync.cli.output import console, count, print_json
from conversion_sync.errors import ConfigurationError
from conversion_sync.model.windows import HOUR, Window, floor_hour

if TYPE_CHECKING:
    from rich.console import Console

    from conversion_sync.config.settings import Settings
    from conversion_sync.orchestration.run import DayResult
    from conversion_sync.store.open import OpenDatabase

LAST_HOURS = 24


def sync(ctx: typer.Context, start: From = None, end: To = None, json: Json = False) -> None:
    """Pull, attribute, plan and deliver the hours from --from to --to; by default the last day.

    Hours may be synced as often as you like: nothing is sent twice. Exits with 1 when an hour needs
    a look.
    """
    from conversion_sync.store.open import open_database

    settings = settings_of(ctx)
    window = span(settings.start, start, end, datetime.now(UTC) - settings.settle_lag)
    with open_database(settings) as database:
        days = sync_days(settings, database, window, console(stderr=True))
    if json:
        print_json(days)
    else:
        show_days(console(), days)
    if not all(day.ok for day in days):
        raise typer.Exit(NOT_DONE)


def span(first: datetime, start: datetime | None, end: datetime | None, settled: datetime) -> Window:
    """Whole hours, none before the configuration's start or with events not yet `settled`.

    Raises ConfigurationError when nothing is left.
    """
    stop = min(floor_hour(end) if end else floor_hour(settled), floor_hour(settled))
    begin = max(floor_hour(start) if start else stop - LAST_HOURS * HOUR, first)
    if begin >= stop:
        raise ConfigurationError(
            f"There is no full hour from {begin:%Y-%m-%d %H:%M} to {stop:%Y-%m-%d %H:%M} UTC.",
            remedy="Give an earlier --from or a later --to; `start` in the configuration is the first hour, "
            "and an hour can be synced `settle_lag_minutes` after its end.",
        )
    return Window(begin, stop)


def sync_days(
    settings: Settings, database: OpenDatabase, window: Window, out: Console
) -> Sequence[DayResult]:
    """Syncs a window, a run a day, and shows which room of which day is at work."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from conversion_sync.orchestration.run import sync as run

    days = list(window.days())
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("day {task.completed} of {task.total}"),
        TimeElapsedColumn(),
    )
    days_told: list[Window] = []
    with Progress(*columns, console=out, disable=not out.is_terminal) as progress:
        task = progress.add_task("starting", total=len(days))

        def tell(day: Window, step: str) -> None:
            done = sum(1 for other in days if other.end <= day.start)
            shown = f"{day.start:%a %d %b}  {step.replace('_', ' '):<28}"
            progress.update(task, completed=done, description=shown)
            if not out.is_terminal and days_told != [day]:
                days_told[:] = [day]
                out.print(f"{day.start:%a %d %b} …")

        results = run(settings, database, window, tell)
        progress.update(task, completed=len(days), description="synced")
    return results


def show_days(out: Console, days: Sequence[DayResult]) -> None:
    """A line a day, and what failed with where to look."""
    for day in days:
        good = "[yellow]![/yellow]" if day.warnings else "[green]✓[/green]"
        mark = good if day.ok else "[red]✗[/red]"
        hours = count(int((day.window.end - day.window.start) / HOUR), "hour")
        out.print(f"{mark} {day.window.start:%Y-%m-%d %H:%M} UTC, {hours} [dim](run {day.run_id})[/dim]")
        for asset, said in day.failures:
            out.print(f"    {asset}: {said}", markup=False)
        for asset, said in day.warnings:
            out.print(f"    {asset}: {said}", markup=False)
    if not all(day.ok for day in days):
        out.print("Look at what waits: conversion-sync status. Syncing again is safe.")
