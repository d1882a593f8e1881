"""How a command ends when it cannot go on: one message, its remedy, an exit code.

0 done · 1 not done, or something does not agree · 2 the command line or the configuration is wrong.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path

from conversion_sync.errors import ConfigurationError, ConversionSyncError

NOT_DONE = 1
WRONG_CONFIGURATION = 2


def expected(error: ConversionSyncError) -> int:
    """Says what happened and what to do, on stderr; returns the exit code."""
    say(f"Error: {error.message}")
    say(f"Remedy: {error.remedy}")
    return WRONG_CONFIGURATION if isinstance(error, ConfigurationError) else NOT_DONE


def unexpected(fault: Exception) -> int:
    """Says in one scrubbed line that this is a bug, and where its trace is; returns the exit code."""
    from conversion_sync.redaction import redact

    trace = redact("".join(traceback.format_exception(fault)))
    said = redact(str(fault)).strip().splitlines()
    say(f"Error: unexpected {type(fault).__name__}: {said[0][:300] if said else 'no message'}")
    say(f"Remedy: report it with the trace in {_keep(trace)}; running again is safe.")
    return NOT_DONE


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
