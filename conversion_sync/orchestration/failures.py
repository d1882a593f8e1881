"""Our errors as Dagster's: a sentence and its remedy, and whether trying again can help, and when.

What passes is tried again by the same step, a few times and not for long; after that the hour has
failed, and the schedule asks for it again. What no run can mend is marked on the run, for the
schedule to leave it to a person.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import dagster as dg

from conversion_sync.errors import ConversionSyncError, DataError, PermanentError, TransientError
from conversion_sync.redaction import redact

STEP_RETRIES = 2
MOST_WORDS = 300
"""Characters of a fault nobody foresaw."""
FIRST_WAIT = 20.0
LONGEST_WAIT = 300.0
"""Seconds a step waits for a vendor that is down; longer waits are the next run's."""
FOR_GOOD_TAG = "conversion_sync/for_good."
"""With an asset's name behind it, on a run: the hours that failed there in a way no run can mend."""


@contextmanager
def in_words(context: dg.AssetExecutionContext) -> Iterator[None]:
    """What a room raises as a failed or a waiting step: our own errors, and any other scrubbed."""
    try:
        with known():
            yield
    except ConversionSyncError as fault:
        raise as_dagsters(context, fault) from None
    except Exception as fault:  # noqa: BLE001 - Dagster would keep its words as they are
        context.log.error("%s", trace(fault))
        raise failure(unexpected(fault, f"the log of run {context.run.run_id}")) from None


@contextmanager
def scrubbed(log: logging.Logger, where: str) -> Iterator[None]:
    """The same outside of a step, as one of our errors: Dagster keeps an exception's words there too."""
    try:
        with known():
            yield
    except ConversionSyncError as fault:
        raise type(fault)(redact(fault.message), remedy=redact(fault.remedy)) from None
    except Exception as fault:  # noqa: BLE001 - see above
        log.error("%s", trace(fault))
        raise unexpected(fault, where) from None


@contextmanager
def known() -> Iterator[None]:
    """A database that fails as one of our errors."""
    from conversion_sync.store.faults import database_fault

    try:
        yield
    except Exception as fault:
        meant = None if isinstance(fault, ConversionSyncError) else database_fault(fault)
        if meant is None:
            raise
        raise meant from None


def unexpected(fault: BaseException, where: str) -> PermanentError:
    """A fault nobody foresaw, in one scrubbed line. `where` its trace is."""
    said = redact(str(fault)).strip().splitlines()
    return PermanentError(
        f"unexpected {type(fault).__name__}: {said[0][:MOST_WORDS] if said else 'no message'}",
        remedy=f"report it with the trace in {where} (conversion-sync ui); running again is safe.",
    )


def trace(fault: BaseException) -> str:
    """Where it came from, scrubbed."""
    return redact("".join(traceback.format_exception(fault)))


def as_dagsters(
    context: dg.AssetExecutionContext, fault: ConversionSyncError
) -> dg.Failure | dg.RetryRequested:
    """Another try of the step where that can help, else a failure that says what happened and what to do."""
    again = retry(context, fault.retry_after) if isinstance(fault, TransientError) else None
    if again is not None:
        context.log.warning("%s Trying again in %.0f s.", redact(fault.message), again.seconds_to_wait)
        return again
    if isinstance(fault, PermanentError | DataError):
        mark_for_good(context, context.partition_keys)
    return failure(fault)


def failure(fault: ConversionSyncError) -> dg.Failure:
    """A failed step that says what happened and what to do."""
    return dg.Failure(
        description=redact(f"{fault.message} Remedy: {fault.remedy}"),
        metadata={"remedy": dg.MetadataValue.text(redact(fault.remedy))},
        allow_retries=False,
    )


def retry(context: dg.AssetExecutionContext, asked: float | None) -> dg.RetryRequested | None:
    """Another try after the vendor's own delay or a growing pause; None when it was tried enough."""
    wait = FIRST_WAIT * 2**context.retry_number if asked is None else asked
    if context.retry_number >= STEP_RETRIES or wait > LONGEST_WAIT:
        return None
    return dg.RetryRequested(max_retries=STEP_RETRIES, seconds_to_wait=wait)


def mark_for_good(context: dg.AssetExecutionContext, hours: Iterable[str]) -> None:
    """Notes on the run that these hours failed at this asset in a way no run can mend."""
    name = context.asset_key.to_user_string()
    context.instance.add_run_tags(context.run.run_id, {f"{FOR_GOOD_TAG}{name}": ",".join(hours)})
