"""`conversion-sync receiver`: takes webhooks and clicks until told to stop."""

from __future__ import annotations

from typing import Annotated

import typer

from conversion_sync.cli.options import settings_of


def receiver(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option(help="Instead of `receiver.host`.")] = None,
    port: Annotated[int | None, typer.Option(help="Instead of `receiver.port`.")] = None,
) -> None:
    """Take webhooks and browsers' clicks, keep them on disk, answer; the hourly run reads them.

    Runs until told to stop, and then finishes what it has taken.
    """
    from conversion_sync.receiver.serve import serve

    settings = settings_of(ctx)
    serve(settings, host or settings.receiver.host, port or settings.receiver.port)
