"""`conversion-sync credentials`: how long every ad account's access lasts, and what breaks next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from conversion_sync.cli.failure import NOT_DONE
from conversion_sync.cli.options import Json, database_of, settings_of
from conversion_sync.cli.output import console, print_json, table, when
from conversion_sync.model.expiry import Urgency

if TYPE_CHECKING:
    from conversion_sync.credentials.forecast import Standing

MARKS = {
    Urgency.LASTS: "[green]ok[/green]   ",
    Urgency.SOON: "[yellow]warn[/yellow] ",
    Urgency.NOW: "[red]error[/red]",
}


def credentials(ctx: typer.Context, json: Json = False) -> None:
    """Show what each account's access depends on, how long that lasts, and what was refused.

    Never shows a token. Seals what is stored with the newest key. Exits with 1 when something is refused
    or about to end.
    """
    from conversion_sync.credentials.forecast import standings
    from conversion_sync.credentials.source import reseal
    from conversion_sync.pipeline.context import utc_now

    settings = settings_of(ctx)
    with database_of(ctx) as database:
        reseal(settings, database.engine)
        found = standings(settings, database.engine, utc_now())
    if json:
        print_json([_plain(each) for each in found])
    else:
        _show(found)
    if any(each.urgency is Urgency.NOW for each in found):
        raise typer.Exit(NOT_DONE)


def _plain(standing: Standing) -> dict[str, object]:
    from dataclasses import fields

    return {
        "urgency": standing.urgency,
        **{field.name: getattr(standing, field.name) for field in fields(standing)},
    }


def _show(found: list[Standing]) -> None:
    out = console()
    columns = (
        "ad account",
        "token",
        "access, days left",
        "consent, days left",
        "last refresh (UTC)",
        "last refusal (UTC)",
        "next end",
    )
    out.print(
        table(
            "Credentials",
            columns,
            (
                (
                    f"{each.platform}:{each.account}",
                    each.token,
                    _left(each.access_days),
                    _left(each.refresh_days),
                    when(each.refreshed_at),
                    f"{when(each.refused_at)} {each.refused}".strip("- ") or "-",
                    each.next_end.strftime("%Y-%m-%d") if each.next_end else "-",
                )
                for each in found
            ),
        )
    )
    for each in found:
        for told in each.notices:
            if told.urgency is not Urgency.LASTS:
                out.print(MARKS[told.urgency], f"[bold]{each.platform}:{each.account}[/bold]", end=" ")
                out.print(told.text, markup=False)
                out.print(f"      Remedy: {told.remedy}", markup=False)
    if all(each.urgency is Urgency.LASTS for each in found):
        out.print("Nothing is refused, and nothing ends soon.")


def _left(days: float | None) -> str:
    return "-" if days is None else f"{days:.1f}"
