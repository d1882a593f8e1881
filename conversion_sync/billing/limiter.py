"""How often a vendor may be asked: at most so many requests in any span of time, whoever asks.

A vendor counts what an account (Stripe: each endpoint of it), an address or a key asks, not what one of our
objects does. So `shared` gives everybody in the process who names the same limit the same limiter; processes
do not know of each other, and a refusal is waited for all the same (`asking`).
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from functools import cache


class Limiter:
    """At most `requests` in any `seconds`, in the order of coming. Thread-safe."""

    def __init__(
        self,
        requests: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._seconds, self._clock, self._sleep = seconds, clock, sleep
        self._lock = threading.Lock()
        self._taken: deque[float] = deque([float("-inf")] * requests, maxlen=requests)

    def wait(self) -> None:
        """Returns when the next request may leave."""
        with self._lock:
            now = self._clock()
            at = max(now, self._taken[0] + self._seconds)
            self._taken.append(at)
        if at > now:
            self._sleep(at - now)


@cache
def shared(limit: Hashable, requests: int, seconds: float) -> Limiter:  # noqa: ARG001 - the name tells limits apart
    """The process's limiter of this name, such as `("stripe", account, "/v1/events")`."""
    return Limiter(requests, seconds)
