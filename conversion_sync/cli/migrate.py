"""`conversion-sync migrate`: the database's schema, brought up to date on its own."""

from __future__ import annotations

import typer

from conversion_sync.cli.options import Json, settings_of
from conversion_sync.cli.output import print_json


def migrate(ctx: typer.Context, json: Json = False) -> None:
    """Bring the database to this release's schema; other commands do so by themselves."""
    from conversion_sync.store.open import open_database

    with open_database(settings_of(ctx)):
        pass
    if json:
        print_json({"migrated": True})
    else:
        typer.echo("The database has this release's schema.")
