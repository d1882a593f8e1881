"""The command's shape: which commands there are, what they share, how they end."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from conversion_sync.cli import failure
from conversion_sync.cli.backfill import backfill, renormalise
from conversion_sync.cli.check import check
from conversion_sync.cli.connect import connect
from conversion_sync.cli.credentials import credentials
from conversion_sync.cli.dead_letters import dead_letters
from conversion_sync.cli.demo import demo
from conversion_sync.cli.explain import explain
from conversion_sync.cli.ledger import ledger
from conversion_sync.cli.migrate import migrate
from conversion_sync.cli.options import Choice
from conversion_sync.cli.receiver import receiver
from conversion_sync.cli.replay import release, replay, settle
from conversion_sync.cli.sandbox import sandbox
from conversion_sync.cli.status import status
from conversion_sync.cli.sync import sync
from conversion_sync.cli.ui import ui
from conversion_sync.cli.version import version
from conversion_sync.errors import ConversionSyncError
from conversion_sync.redaction import install

OWN_OPTIONS = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def application() -> typer.Typer:
    """All commands."""
    app = typer.Typer(
        name="conversion-sync",
        help="The conversion ledger for SaaS: every payment accounted for on every ad platform, to the cent.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(choose)
    for command in (
        demo,
        sync,
        status,
        ledger,
        explain,
        dead_letters,
        replay,
        settle,
        release,
        backfill,
        renormalise,
        check,
        connect,
        credentials,
        ui,
        receiver,
        migrate,
        version,
    ):
        app.command()(command)
    app.command(context_settings=OWN_OPTIONS)(sandbox)
    return app


def choose(
    ctx: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="PATH", help="The configuration; conversion_sync.yaml by default."),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="The configuration of `conversion-sync demo`.")
    ] = False,
) -> None:
    """Keep which configuration was named."""
    if config is not None and demo:
        raise typer.BadParameter("--config and --demo name two configurations; give one.")
    ctx.obj = Choice(path=config, demo=demo)


def run() -> None:
    """The entry point: a message and an exit code instead of a stack trace."""
    signal.signal(signal.SIGTERM, _stop)
    install()
    try:
        application()()
    except ConversionSyncError as error:
        sys.exit(failure.expected(error))
    except Exception as fault:  # noqa: BLE001 - the last one who can say it in words
        sys.exit(failure.unexpected(fault))


def _stop(number: int, _frame: object) -> NoReturn:
    """Leaves by the way of an exception, so that everything started is stopped."""
    sys.exit(128 + number)
