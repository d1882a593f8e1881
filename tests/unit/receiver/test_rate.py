"""An address may ask so often a minute, at once or evenly, and nobody pays for another."""

from __future__ import annotations

from itertools import chain

import pytest

from conversion_sync.receiver import rate as module
from conversion_sync.receiver.rate import Rate


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_minutes_requests_may_come_at_once_and_the_next_ones_evenly() -> None:
    clock = Clock()
    rate = Rate(6, clock)
    assert [rate.wait("192.0.2.1") for _ in range(8)] == [0] * 6 + [10, 10]
    clock.now += 9.5
    assert rate.wait("192.0.2.1") == 1
    clock.now += 0.5
    assert [rate.wait("192.0.2.1") for _ in range(2)] == [0, 10]
    clock.now += 3600
    assert [rate.wait("192.0.2.1") for _ in range(7)] == [0] * 6 + [10]


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("", "", True),
        ("no address", "another", False),
    ],
)
def test_addresses_of_one_subscriber_share(first: str, second: str, is_same: bool) -> None:
    rate = Rate(1, Clock())
    assert rate.wait(first) == 0
    assert (rate.wait(second) > 0) is is_same


def test_only_so_many_addresses_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ADDRESSES", 3)
    rate = Rate(1, Clock())
    asked = chain("abc", "a", "d", "b", "c")
    assert [rate.wait(address) > 0 for address in asked] == [False] * 3 + [True] + [False] * 3
