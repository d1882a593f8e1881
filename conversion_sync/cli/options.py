"""What commands share: the chosen configuration, moments, and the opened database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conversion_sync.model import windows

if TYPE_CHECKING:
    from conversion_sync.config.settings import Settings
    from conversion_sync.store.open import OpenDatabase

DEMO_HOME = Path(".conversion_sync/demo")
DEMO_CONFIGURATION = DEMO_HOME / "conversion_sync.yaml"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which configuration the person named: a file, the demo's, or (neither) the one found."""

    path: Path | None = None
    demo: bool = False


def moment(text: str) -> datetime:
    """A day or a moment as people write it; without an offset it is UTC."""
    try:
        return windows.moment(text)
    except ValueError as fault:
        raise typer.BadParameter(str(fault)) from None


Platform = Annotated[str | None, typer.Option(help="Only this platform, e.g. google_ads.")]
Account = Annotated[str | None, typer.Option(help="Only this account.")]
Code = Annotated[str | None, typer.Option(help="Only rows the platform answered with this code.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
From = Annotated[
    datetime | None,
    typer.Option("--from", parser=moment, metavar="WHEN", help="First moment, UTC unless it says otherwise."),
]
To = Annotated[
    datetime | None,
    typer.Option("--to", parser=moment, metavar="WHEN", help="The moment after the last."),
]


def settings_of(ctx: typer.Context) -> Settings:
    """The chosen configuration, validated. Raises ConfigurationError."""
    from conversion_sync.pipeline.configuration import load_settings

    choice = ctx.ensure_object(Choice)
    if choice.demo:
        from conversion_sync.cli.demo_home import use_secrets

        use_secrets(DEMO_HOME)
        return load_settings(DEMO_CONFIGURATION)
    return load_settings(choice.path)


@contextmanager
def database_of(ctx: typer.Context) -> Iterator[OpenDatabase]:
    """The chosen configuration's database, opened for the length of a command."""
    from conversion_sync.store.open import open_database

    with open_database(settings_of(ctx)) as database:
        yield database
