"""The parts every billing system is asked with: limits, patience, and lists read together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise

import pytest

from conversion_sync.billing.asking import Retry, delay, patiently
from conversion_sync.billing.limiter import Limiter, shared
from conversion_sync.billing.together import PAGES_WAITING, together
from conversion_sync.errors import PermanentError, TransientError

RETRY = Retry(attempts=4, first_wait_seconds=1, longest_wait_seconds=30)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize(("requests", "seconds"), [(25, 1.0), (240, 60.0), (1, 0.5)])
def test_no_span_of_time_holds_more_requests_than_the_limit(requests: int, seconds: float) -> None:
    time = Time()
    limiter = Limiter(requests, seconds, time.clock, time.sleep)
    left = []
    for number in range(requests * 3):
        limiter.wait()
        left.append(time.now)
        if number % 7 == 0:
            time.now += seconds / 50
    assert left[requests - 1] < seconds
    for first, last in zip(left, left[requests:], strict=False):
        assert last - first >= seconds - 1e-9


def test_threads_at_one_limit_wait_for_each_other() -> None:
    slept: list[float] = []
    limiter = Limiter(2, 10.0, lambda: 0.0, slept.append)
    threads = [threading.Thread(target=limiter.wait) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(slept) == [10.0, 10.0, 20.0, 20.0]


def test_who_names_the_same_limit_has_the_same_limiter() -> None:
    one = shared(("stripe", "main", "/v1/events"), 25, 1.0)
    assert shared(("stripe", "main", "/v1/events"), 25, 1.0) is one
    assert shared(("stripe", "second", "/v1/events"), 25, 1.0) is not one


def test_a_fault_that_passes_is_waited_for_as_the_vendor_says_or_longer_each_time() -> None:
    waits: list[float] = []
    faults = [TransientError("no", remedy="again", retry_after=after) for after in (7.0, 3600.0, None)]

    def ask() -> str:
        if faults:
            raise faults.pop(0)
        return "answer"

    assert patiently(RETRY, waits.append, ask) == "answer"
    assert waits[:2] == [7.0, 30]
    assert 4 <= waits[2] <= 30


def test_a_fault_that_stays_is_raised_after_the_last_attempt_and_another_one_at_once() -> None:
    for fault, asked in ((TransientError("no", remedy="again"), 4), (PermanentError("no", remedy="mend"), 1)):
        waits: list[float] = []

        def ask(fault: Exception = fault) -> None:
            raise fault

        with pytest.raises(type(fault)):
            patiently(RETRY, waits.append, ask)
        assert len(waits) == asked - 1
        assert all(before < after * 2 for before, after in pairwise(waits))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), ("0.5", 0.5), ("-5", 0.0), (None, None), ("", None), ("soon", None), ("nan", None)],
)
def test_a_delay_is_a_number_that_can_be_waited_for(text: str | None, seconds: float | None) -> None:
    assert delay(text) == seconds


# -- lists read together ---------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_lists_read_together_are_all_read_once(threads: int) -> None:
    lists = [lambda n=n: iter([(n, page) for page in range(n)]) for n in range(8)]
    found = sorted(together(lists, threads))
    assert found == [(n, page) for n in range(8) for page in range(n)]


def test_lists_are_read_at_the_same_time() -> None:
    meet = threading.Barrier(3, timeout=60)

    def walk() -> Iterator[int]:
        yield meet.wait()

    assert sorted(together([walk] * 3, 3)) == [0, 1, 2]


def test_no_more_pages_wait_than_a_few_for_each_thread() -> None:
    made = threading.Semaphore(0)

    def walk() -> Iterator[int]:
        for page in range(1000):
            made.release()
            yield page

    pages = together([walk, walk], 2)
    next(pages)
    bound = 2 * PAGES_WAITING + 2 + 1
    taken = 0
    while made.acquire(timeout=0.3):
        taken += 1
    assert taken <= bound
    pages.close()  # type: ignore[attr-defined]


def test_the_first_error_ends_the_others_and_is_raised() -> None:
    stopped = threading.Event()

    def endless() -> Iterator[int]:
        try:
            while True:
                yield 1
        finally:
            stopped.set()

    def broken() -> Iterator[int]:
        yield 2
        raise PermanentError("no", remedy="mend")

    with pytest.raises(PermanentError):
        list(together([endless, broken], 2))
    assert stopped.wait(10)
