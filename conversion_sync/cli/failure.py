"""How a command ends when it cannot go on: one message, its remedy, an exit code.

0 done · 1 not done, or something does not agree · 2 the command line or the configuration is wrong.
"""

from __future__ import annotations

import errno
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from conversion_sync.errors import ConfigurationError, ConversionSyncError, TransientError

NOT_DONE = 1
WRONG_CONFIGURATION = 2
DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EIO}


def expected(error: ConversionSyncError) -> int:
    """Says what happened and what to do, on stderr; returns the exit code."""
    say(f"Error: {error.message}")
    say(f"Remedy: {error.remedy}")
    return WRONG_CONFIGURATION if isinstance(error, ConfigurationError) else NOT_DONE


def unexpected(fault: Exception) -> int:
    """Says in a scrubbed line what it is, or that it is a bug and where its trace is; gives the exit code."""
    from conversion_sync.redaction import redact
    from conversion_sync.store.faults import database_fault

    known = disk_fault(fault) or database_fault(fault)
    if known is not None:
        return expected(known)
    trace = redact("".join(traceback.format_exception(fault)))
    said = redact(str(fault)).strip().splitlines()
    say(f"Error: unexpected {type(fault).__name__}: {said[0][:300] if said else 'no message'}")
    try:
        say(f"Remedy: report it with the trace in {_keep(trace)}; running again is safe.")
    except OSError as lost:
        say(f"Remedy: run again, which is safe; its trace could not be kept: {lost.strerror}.")
    return NOT_DONE


def disk_fault(fault: Exception) -> ConversionSyncError | None:
    """A file that cannot be written or read, in words; None for anything else."""
    if not isinstance(fault, OSError) or fault.errno not in DISK:
        return None
    return TransientError(
        f"{fault.filename or 'A file'} cannot be used: {fault.strerror}.",
        remedy="Make room or give this user the right, then run again: what was written is kept.",
    )


def say(line: str) -> None:
    """A line on stderr."""
    sys.stderr.write(f"{line}\n")


def _keep(trace: str) -> Path:
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    with tempfile.NamedTemporaryFile(
        "w", prefix=f"conversion-sync-{moment}-", suffix=".trace", delete=False, encoding="utf-8"
    ) as file:
        file.write(trace)
    return Path(file.name)
