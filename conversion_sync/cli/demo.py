"""`conversion-sync demo`: the whole product against simulated vendors, and whether the books agree."""

from __future__ import annotations

import time

import typer

from conversion_sync.cli.failure import NOT_DONE
from conversion_sync.cli.options import DEMO_HOME, Json
from conversion_sync.cli.output import console, print_json


def demo(json: Json = False) -> None:
    """Run everything against simulated vendors and show what came of it.

    Starts a database and the vendors' simulators, syncs the days of a small SaaS business, compares
    the books, and stops everything. A second run meets the same world and sends nothing again.
    Exits with 1 when anything does not agree.
    """
    from conversion_sync.cli.demo_home import demo_world
    from conversion_sync.cli.demo_report import attempts_so_far, collect
    from conversion_sync.cli.demo_show import show
    from conversion_sync.cli.sync import sync_days
    from conversion_sync.store.open import open_database

    began = time.monotonic()
    progress = console(stderr=True)
    progress.print(
        "Starting PostgreSQL and the sandbox (Stripe, Google, Meta, TikTok, LinkedIn, Microsoft, simulated) …"
    )
    with demo_world(DEMO_HOME) as world, open_database(world.settings) as database:
        before = attempts_so_far(database.engine)
        days = sync_days(world.settings, database, world.window, progress)
        found = collect(
            database.engine,
            world.admin,
            world.window,
            models=[model.value for model in world.settings.attribution.models],
            failures=[
                f"{day.window.start:%Y-%m-%d} {asset}: {said} (run {day.run_id})"
                for day in days
                for asset, said in day.failures
            ],
            sent_now=attempts_so_far(database.engine) - before,
            is_new=world.is_new,
            seconds=time.monotonic() - began,
        )
    if json:
        print_json({"agrees": found.agrees, **_fields(found)})
    else:
        show(console(), found)
    if not found.agrees:
        raise typer.Exit(NOT_DONE)


def _fields(found: object) -> dict[str, object]:
    from dataclasses import fields

    return {field.name: getattr(found, field.name) for field in fields(found)}  # type: ignore[arg-type]
