"""What Dagster loads: the definitions of the configuration that $CONVERSION_SYNC_CONFIG names.

Nothing connects here: a broken configuration is one message in the code location's error, and a
database or vendor that is down is an hour's failure.
"""

from __future__ import annotations

import dagster as dg

from conversion_sync.orchestration.build import build
from conversion_sync.pipeline.configuration import load_settings
from conversion_sync.redaction import install


@dg.definitions
def defs() -> dg.Definitions:
    """The code location. Whatever this process logs from now on is scrubbed."""
    install()
    return build(load_settings())
