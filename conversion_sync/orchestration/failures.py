"""Our errors as Dagster's: a sentence and its remedy, and whether trying again can help."""

from __future__ import annotations

import dagster as dg

from conversion_sync.errors import ConversionSyncError, TransientError
from conversion_sync.redaction import redact


def as_failure(fault: ConversionSyncError) -> dg.Failure:
    """A failed step that says what happened and what to do."""
    return dg.Failure(
        description=redact(f"{fault.message} Remedy: {fault.remedy}"),
        metadata={"remedy": dg.MetadataValue.text(redact(fault.remedy))},
        allow_retries=isinstance(fault, TransientError),
    )
