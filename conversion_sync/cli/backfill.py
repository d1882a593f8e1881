"""`conversion-sync backfill` and `renormalise`: the past read again, the books written anew."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from conversion_sync.cli.options import From, Json, To, settings_of
from conversion_sync.cli.output import console, print_json
from conversion_sync.errors import ConfigurationError

if TYPE_CHECKING:
    from datetime import datetime

    from conversion_sync.pipeline.context import Account, Context
    from conversion_sync.pipeline.report import RoomReport

Billing = Annotated[
    str | None, typer.Option("--account", metavar="PROVIDER:NAME", help="Only this one, as stripe:main.")
]


def backfill(
    ctx: typer.Context,
    start: From,
    end: To = None,
    account: Billing = None,
    json: Json = False,
) -> None:
    """Read the billing objects of a span again, mend the books by them and tell what that repaired.

    Works for any past: objects are kept longer than events. The next sync attributes and plans it.
    """
    from conversion_sync.model.revenue import Transport
    from conversion_sync.model.windows import Window
    from conversion_sync.pipeline.history import backfill as run

    def work(context: Context) -> RoomReport:
        last: datetime = end or context.clock()
        if start is None or start >= last:
            raise ConfigurationError("--from lies after --to.", remedy="Give an earlier --from.")
        return run(context, Window(start, last), Transport.BACKFILL, _only(context, account))

    _run(ctx, work, json=json)


def renormalise(ctx: typer.Context, account: Billing = None, json: Json = False) -> None:
    """Write every customer's book anew from the stored records, asking no API; only what differs changes."""
    from conversion_sync.pipeline.history import renormalise as run

    _run(ctx, lambda context: run(context, _only(context, account)), json=json)


def _only(context: Context, text: str | None) -> Account | None:
    if text is None:
        return None
    provider, _, name = text.partition(":")
    if (provider, name) not in context.providers:
        known = ", ".join(":".join(key) for key in sorted(context.providers)) or "none"
        raise ConfigurationError(
            f"There is no billing account {text!r}.", remedy=f"The configuration has: {known}."
        )
    return provider, name


def _run(ctx: typer.Context, work: Callable[[Context], RoomReport], *, json: bool) -> None:
    from conversion_sync.pipeline.build import context
    from conversion_sync.store.open import open_database

    settings = settings_of(ctx)
    with open_database(settings) as database:
        report = work(context(settings, database.engine, run_id=f"cli-{uuid.uuid4().hex[:12]}"))
    if json:
        print_json(dict(report.counts))
        return
    out = console()
    for name, number in report.counts.items():
        out.print(f"{name}: {number:,}", markup=False, highlight=False)
