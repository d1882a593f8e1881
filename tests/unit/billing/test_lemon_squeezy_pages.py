"""Walking lists by page number while rows come and go: none is left out, and the limit is kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from conversion_sync.billing.lemon_squeezy.catalogue import catalogue
from conversion_sync.billing.lemon_squeezy.pages import Lists
from conversion_sync.billing.limiter import Limiter, shared
from conversion_sync.errors import PermanentError

SIZE = 100
WAIT = 10


class Store:
    """A list over a real socket. `before` is run before the page of a number is answered."""

    def __init__(self, count: int) -> None:
        self.rows = list(range(count, 0, -1))
        self.asked: list[int] = []
        self.answered: dict[int, threading.Event] = {}
        self.before: dict[int, Callable[[], None]] = {}
        self.status = 200
        self._lock = threading.Lock()

    def answer(self, number: int) -> bytes:
        with self._lock:
            self.asked.append(number)
            hook = self.before.pop(number, None)
        if hook is not None:
            hook()
        with self._lock:
            shown = self.rows[(number - 1) * SIZE : number * SIZE]
            page = {"total": len(self.rows), "lastPage": max(-(-len(self.rows) // SIZE), 1)}
        rows = [{"type": "orders", "id": str(row), "attributes": {}} for row in shown]
        return json.dumps({"meta": {"page": page}, "data": rows}).encode()

    def after(self, number: int) -> threading.Event:
        return self.answered.setdefault(number, threading.Event())


@pytest.fixture
def store() -> Store:
    return Store(950)


@pytest.fixture
def address(store: Store) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            number = int(parse_qs(urlsplit(self.path).query)["page[number]"][0])
            body = store.answer(number)
            self.send_response(store.status)
            if store.status == 302:
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            store.after(number).set()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def lists(address: str) -> Iterator[Lists]:
    made = Lists("main", "key-of-a-test", address, catalogue(), Limiter(10_000, 60), lambda _: None)
    yield made
    made.close()


def never(_: Any) -> bool:
    return False


def found(pages: Iterator[list[Any]]) -> list[int]:
    return [int(row["id"]) for page in pages for row in page]


def test_every_page_is_read_once_in_order(store: Store, lists: Lists) -> None:
    assert found(lists.pages("orders", {}, never)) == list(range(950, 0, -1))
    assert sorted(store.asked) == list(range(1, 11))


def test_nothing_is_asked_for_ahead_of_the_first_page(store: Store, lists: Lists) -> None:
    pages = lists.pages("orders", {}, never)
    next(pages)
    assert store.asked == [1]
    pages.close()


def test_a_walk_ends_with_the_page_whose_last_row_is_enough(store: Store, lists: Lists) -> None:
    rows = found(lists.pages("orders", {}, lambda row: int(row["id"]) <= 800))
    assert rows == list(range(950, 750, -1))
    assert len(store.asked) <= 1 + catalogue().api.threads


def test_a_row_that_comes_between_two_answers_out_of_turn_loses_no_other(store: Store, lists: Lists) -> None:
    """Page 3 is answered, a row comes in, then page 2 is: row 751 has moved on to a page already answered."""

    def insert() -> None:
        assert store.after(3).wait(WAIT)
        store.rows.insert(0, 951)

    store.before[2] = insert
    rows = found(lists.pages("orders", {}, never))
    assert set(rows) >= set(range(1, 951))
    assert store.asked.count(3) == 2


def test_rows_that_leave_the_list_meanwhile_lose_no_other(store: Store, lists: Lists) -> None:
    """Rows of the first page leave before the fourth is answered: what moved up is on the third by then."""

    def leave() -> None:
        assert store.after(3).wait(WAIT)
        assert store.after(2).wait(WAIT)
        del store.rows[:5]

    store.before[4] = leave
    rows = found(lists.pages("orders", {}, never))
    assert set(rows) >= set(range(1, 946))


def test_a_list_that_shrinks_to_fewer_pages_ends(store: Store, lists: Lists) -> None:
    pages = lists.pages("orders", {}, never)
    next(pages)
    del store.rows[150:]
    assert set(found(pages)) >= set(store.rows[100:])


def test_an_answer_that_leads_elsewhere_is_not_followed(store: Store, lists: Lists) -> None:
    store.status = 302
    with pytest.raises(PermanentError):
        next(lists.pages("orders", {}, never))
    assert store.asked == [1]


def test_no_more_calls_leave_than_the_minute_holds_whoever_asks(address: str, store: Store) -> None:
    now = [0.0]
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    limiter = Limiter(6, 60, lambda: now[0], sleep)
    for name in ("main", "second"):
        each = Lists(name, "key-of-a-test", address, catalogue(), limiter, lambda _: None)
        for _ in range(5):
            next(each.pages("orders", {}, lambda _: True))
        each.close()
    assert (len(store.asked), waits) == (10, [60.0])


def test_accounts_of_one_address_share_their_limit() -> None:
    from conversion_sync.billing.lemon_squeezy.adapter import LemonSqueezyProvider
    from conversion_sync.billing.lemon_squeezy.settings import Account

    base = "http://127.0.0.1:9/limits"
    made = [
        LemonSqueezyProvider(name, Account.model_validate({"api_key": "k", "api_base": base}))._lists()
        for name in ("main", "second")
    ]
    assert made[0]._limiter is made[1]._limiter is shared(("lemon_squeezy", base), 300, 60.0)
