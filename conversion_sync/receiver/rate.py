"""How often one address may ask: a bucket of a minute's requests that fills evenly."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

ADDRESSES = 50_000
"""Addresses that are remembered; the one that asked longest ago is forgotten first, and is then new."""


class Rate:
    """`per_minute` requests of one address; `clock` is in seconds and never goes back."""

    def __init__(self, per_minute: int, clock: Callable[[], float]) -> None:
        self._per_minute, self._clock = per_minute, clock
        self._used: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, address: str) -> int:
        """0 when a request may go on, and is counted; else the whole seconds until one may."""
        now, key = self._clock(), household(address)
        level, at = self._used.pop(key, (0.0, now))
        level = max(0.0, level - (now - at) * self._per_minute / 60)
        is_over = level + 1 > self._per_minute
        self._used[key] = (level if is_over else level + 1, now)
        if len(self._used) > ADDRESSES:
            self._used.popitem(last=False)
        return math.ceil((level + 1 - self._per_minute) * 60 / self._per_minute) if is_over else 0


def household(address: str) -> str:
    """What one subscriber has: an IPv4 address, or the first half of an IPv6 address."""
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return str(IPv6Address(int(known) >> 64 << 64)) if isinstance(known, IPv6Address) else address
