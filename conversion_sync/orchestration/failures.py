"""Our errors as Dagster's: a sentence and its remedy, and whether trying again can help."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from conversion_sync.errors import ConversionSyncError, TransientError
from conversion_sync.redaction import redact


@contextmanager
def in_words() -> Iterator[None]:
    """What a room raises, our own errors and a database that fails, as a failed step."""
    from conversion_sync.store.faults import database_fault

    try:
        yield
    except ConversionSyncError as fault:
        raise as_failure(fault) from None
    except Exception as fault:
        known = database_fault(fault)
        if known is None:
            raise
        raise as_failure(known) from None


def as_failure(fault: ConversionSyncError) -> dg.Failure:
    """A failed step that says what happened and what to do."""
    return dg.Failure(
        description=redact(f"{fault.message} Remedy: {fault.remedy}"),
        metadata={"remedy": dg.MetadataValue.text(redact(fault.remedy))},
        allow_retries=isinstance(fault, TransientError),
    )
