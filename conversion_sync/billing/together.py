"""Several lists read at the same time, with memory for a few pages whatever they hold.

Each of `threads` threads walks one list after the other and hands its pages over through a short queue: a
reader that is slower than the vendor makes them wait. Pages come in any order.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Page = TypeVar("Page")
List = Callable[[], Iterator[Page]]
PAGES_WAITING = 2
"""For each thread: so that none waits for a reader that is busy with another's page."""
LOOK = 0.2
"""Seconds between two looks at whether anybody still reads."""


def together(lists: Iterable[List[Page]], threads: int) -> Iterator[Page]:
    """The pages of all lists. The first error ends the others and is raised once."""
    todo = list(lists)
    if threads < 2 or len(todo) < 2:
        for walk in todo:
            yield from walk()
        return
    waiting: queue.Queue[Page | BaseException | None] = queue.Queue(threads * PAGES_WAITING)
    stop = threading.Event()
    with ThreadPoolExecutor(threads, "list") as pool:
        for walk in todo:
            pool.submit(_walk, walk, waiting, stop)
        left = len(todo)
        try:
            while left:
                found = waiting.get()
                if isinstance(found, BaseException):
                    raise found
                if found is None:
                    left -= 1
                else:
                    yield found
        finally:
            stop.set()


def _walk(walk: List[Page], waiting: queue.Queue[Page | BaseException | None], stop: threading.Event) -> None:
    try:
        if not stop.is_set():
            for page in walk():
                if not _put(page, waiting, stop):
                    return
        _put(None, waiting, stop)
    except BaseException as fault:  # noqa: BLE001 - it is raised where the pages are read
        _put(fault, waiting, stop)


def _put(
    found: Page | BaseException | None,
    waiting: queue.Queue[Page | BaseException | None],
    stop: threading.Event,
) -> bool:
    """Hands it over; False when nobody reads any more."""
    while not stop.is_set():
        try:
            waiting.put(found, timeout=LOOK)
        except queue.Full:
            continue
        return True
    return False
