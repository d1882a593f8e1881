"""`conversion-sync replay`, `release`, `settle`: what a person decides about rows that wait for one."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from conversion_sync.cli.failure import NOT_DONE
from conversion_sync.cli.options import Account, Code, From, Json, Platform, To, database_of, settings_of
from conversion_sync.cli.output import console, count, moneys, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from conversion_sync.delivery.operate import Choice, Decision
    from conversion_sync.pipeline.operate import OperationReport

Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID…", help="Conversions, or their names at the platform (cs_…)."),
]
Named = Annotated[
    list[str], typer.Argument(metavar="ID…", help="Conversions, or their names at the platform (cs_…).")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without, only what would be done is shown.")]
Note = Annotated[str, typer.Option(help="Kept with the attempts of each row, beside who decided.")]


def _about_chosen(name: str, decision: str, says: str) -> Callable[..., None]:
    """The command `name`, which takes one decision about the rows its options choose; `says` is its help."""

    def command(
        ctx: typer.Context,
        ids: Ids = None,
        code: Code = None,
        platform: Platform = None,
        account: Account = None,
        start: From = None,
        end: To = None,
        note: Note = "",
        yes: Yes = False,
        json: Json = False,
    ) -> None:
        from conversion_sync.delivery.operate import Choice, Decision

        choice = Choice(
            ids=tuple(ids or ()), code=code, platform=platform, account=account, start=start, end=end
        )
        operate(ctx, Decision(decision), choice, note, yes=yes, json=json)

    command.__name__, command.__doc__ = name, says
    return command


replay = _about_chosen(
    "replay",
    "replayed",
    """Send refused rows again, by the facts of now: refunds, consent and deadlines apply.

    Shows what would go; --yes does it. Exits with 1 when an id named cannot be replayed.
    """,
)
release = _about_chosen(
    "release",
    "released",
    """Let held rows go once their account was mended; rows held for a credential also go by themselves.

    Shows what would go; --yes does it. Exits with 1 when an id named is not held.
    """,
)


def settle(
    ctx: typer.Context,
    ids: Named,
    delivered: Annotated[
        bool, typer.Option("--delivered", help="The platform shows them: they count as settled.")
    ] = False,
    missing: Annotated[
        bool, typer.Option("--missing", help="The platform does not have them: they are sent as new.")
    ] = False,
    note: Note = "",
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Say what you found at the platform about rows that may have arrived (`unknown`).

    Shows what would be done; --yes does it. Exits with 1 when an id named is in no doubt.
    """
    from conversion_sync.delivery.operate import Choice, Decision

    if delivered == missing:
        raise typer.BadParameter("Say one of --delivered and --missing.")
    decision = Decision.FOUND if delivered else Decision.MISSING
    operate(ctx, decision, Choice(ids=tuple(ids)), note, yes=yes, json=json)


def operate(
    ctx: typer.Context, decision: Decision, choice: Choice, note: str, *, yes: bool, json: bool
) -> None:
    """Lists or takes a decision and shows what it is about."""
    from conversion_sync.delivery.operate import Operator
    from conversion_sync.pipeline.build import context
    from conversion_sync.pipeline.operate import operate_on

    settings = settings_of(ctx)
    with database_of(ctx) as database:
        report = operate_on(
            context(settings, database.engine, run_id="cli"),
            decision,
            choice,
            Operator(name=getpass.getuser(), note=note),
            dry_run=not yes,
        )
    if json:
        print_json(report)
    else:
        _show(console(), report)
    if report.strangers:
        raise typer.Exit(NOT_DONE)


def _show(out: Console, report: OperationReport) -> None:
    for group in report.groups:
        worth = f", worth {moneys(group.value)}" if group.value else ""
        place = f"{group.platform}:{group.account} {group.state} {group.code or group.reason}"
        out.print(f"[bold]{place}[/bold]: {count(group.rows, 'row')}{worth}")
        if group.barred:
            out.print(f"    left as they are: {group.barred}", markup=False)
    for name, stand in report.strangers.items():
        out.print(f"[yellow]{name}[/yellow]: {stand}; left as it is")
    if not report.groups:
        out.print("No row that waits is chosen.")
    elif report.dry_run:
        rows = count(report.can_go, "row")
        out.print(f"Nothing was changed. {rows} would be {report.decision}: add --yes.")
    else:
        out.print(f"{count(report.moved, 'row')} {report.decision}; planned anew, they stand:")
        for stand, rows_so in report.stand.items():
            out.print(f"    {stand}: {count(rows_so, 'row')}", markup=False)
