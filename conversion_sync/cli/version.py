"""`conversion-sync version`."""

from __future__ import annotations

import sys

from conversion_sync.cli.options import Json
from conversion_sync.cli.output import print_json


def version(json: Json = False) -> None:
    """Print this release and the Python it runs on."""
    from conversion_sync.pipeline.release import release as installed

    release = installed()
    python = sys.version.split()[0]
    if json:
        print_json({"conversion_sync": release, "python": python})
    else:
        sys.stdout.write(f"conversion-sync {release} (Python {python})\n")
