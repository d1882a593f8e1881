"""`conversion-sync check`: is everything there that a sync needs? One line and one remedy a thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from conversion_sync.cli.failure import NOT_DONE
from conversion_sync.cli.options import Json, settings_of
from conversion_sync.cli.output import console, print_json

if TYPE_CHECKING:
    from conversion_sync.cli.checks import Line

MARKS = {"ok": "[green]ok[/green]   ", "warn": "[yellow]warn[/yellow] ", "error": "[red]error[/red]"}


def check(ctx: typer.Context, json: Json = False) -> None:
    """Check the configuration, the database, the sources and the ad accounts; sends nothing.

    Exits with 1 when something would keep a sync from working.
    """
    from conversion_sync.cli.checks import checks

    lines: list[Line] = []
    out = console()
    for line in checks(settings_of(ctx)):
        lines.append(line)
        if not json:
            out.print(f"{MARKS[line.level]} [bold]{line.what}[/bold]", end=" ")
            out.print(line.detail, markup=False)
            if line.remedy:
                out.print(f"      Remedy: {line.remedy}", markup=False)
    if json:
        print_json(lines)
    if any(line.level == "error" for line in lines):
        raise typer.Exit(NOT_DONE)
