"""`conversion-sync ui`: Dagster's UI on the configured instance, or on the demo's."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from conversion_sync.cli.options import DEMO_CONFIGURATION, DEMO_HOME, Choice, settings_of
from conversion_sync.cli.output import console


def ui(
    ctx: typer.Context,
    port: Annotated[int, typer.Option(help="Where the UI listens, on this machine only.")] = 3000,
) -> None:
    """Open the UI: schedules, backfills, runs and failures. Runs until told to stop.

    Without a configuration it opens the demo's, with the simulated vendors running, so that syncs
    from the UI work.
    """
    from conversion_sync.orchestration.ui import serve

    with ExitStack() as stack:
        path: Path
        if _wants_demo(ctx.ensure_object(Choice)):
            from conversion_sync.cli.demo_home import demo_world

            settings = stack.enter_context(demo_world(DEMO_HOME)).settings
            path = DEMO_CONFIGURATION
        else:
            settings, path = settings_of(ctx), _file(ctx.ensure_object(Choice))
        console().print(f"The UI is at http://127.0.0.1:{port}; stop it with Ctrl-C.")
        serve(settings, path, port=port)


def _file(choice: Choice) -> Path:
    from conversion_sync.config.load import DEFAULT, VARIABLE

    return choice.path or Path(os.environ.get(VARIABLE) or DEFAULT)


def _wants_demo(choice: Choice) -> bool:
    from conversion_sync.config.load import DEFAULT, VARIABLE

    named = choice.path is not None or VARIABLE in os.environ or DEFAULT.exists()
    return choice.demo or (not named and DEMO_CONFIGURATION.exists())
