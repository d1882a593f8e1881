"""Asking a billing system again where a fault passes: bounded, and as long as the vendor says.

`ask` makes one request and raises what it met as one of our errors: only a TransientError is asked again. Its
`retry_after` (429 with a delay) is waited for within reason; otherwise waits grow, with jitter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import tenacity
from pydantic import BaseModel, ConfigDict

from conversion_sync.errors import TransientError

T = TypeVar("T")


class Retry(BaseModel):
    """How often and how long passing faults are waited for: `[retry]` of a provider's catalogue."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    attempts: int
    first_wait_seconds: float
    longest_wait_seconds: float


def patiently(retry: Retry, sleep: Callable[[float], None], ask: Callable[[], T]) -> T:
    """What `ask` answers. Raises its last error when it stays TransientError, any other at once."""
    growing = tenacity.wait_exponential_jitter(
        multiplier=retry.first_wait_seconds, max=retry.longest_wait_seconds
    )

    def wait(state: tenacity.RetryCallState) -> float:
        fault = state.outcome.exception() if state.outcome else None
        asked = fault.retry_after if isinstance(fault, TransientError) else None
        return growing(state) if asked is None else min(asked, retry.longest_wait_seconds)

    return tenacity.Retrying(
        stop=tenacity.stop_after_attempt(retry.attempts),
        wait=wait,
        retry=tenacity.retry_if_exception_type(TransientError),
        sleep=sleep,
        reraise=True,
    )(ask)


def delay(text: str | None) -> float | None:
    """Seconds of a `Retry-After` header, where it is a number that can be waited for."""
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
