"""`conversion-sync sandbox`: the vendors, simulated, standing alone."""

from __future__ import annotations

import sys

import typer


def sandbox(ctx: typer.Context) -> None:
    """Run the simulated vendors until told to stop; --help shows their options.

    DIR/endpoints.json says where everything answers, DIR is what --dir names.
    """
    from conversion_sync.sandbox.__main__ import main

    sys.argv = ["conversion-sync sandbox", *ctx.args]
    main()
