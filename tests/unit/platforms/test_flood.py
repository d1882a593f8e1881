"""Answers without an end: what is read of them is bounded, and the request they answer is in doubt."""

from __future__ import annotations

import json
import socket
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms import http
from conversion_sync.platforms.http import Headers, Lost, Reply, Wire
from conversion_sync.platforms.platform import Platform
from tests.unit.platforms.peer import Manner, Peer, flooding, peer, saying
from tests.unit.platforms.rows import facts
from tests.unit.platforms.test_canary import Case, case, opened, purchase

__all__ = ["case", "opened"]

LONGEST = 2**20
MOST_MEMORY = 8 * LONGEST
"""Of one answer: the parts, the whole, its text. The floods are 64 times the longest answer."""
SPACES = b" " * 2**16
CHUNK = b"10000\r\n" + SPACES + b"\r\n"
PACKED = zlib.compress(b" " * (64 * LONGEST), 9, wbits=31)

FLOODS: dict[str, Manner] = {
    "without a length": flooding(b"HTTP/1.1 200 OK\r\n\r\n{"),
    "with a length": flooding(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{"),
    "in chunks": flooding(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNK),
    "a redirect": flooding(b"HTTP/1.1 307 Elsewhere\r\nLocation: /\r\n\r\n"),
    "a failure": flooding(b"HTTP/1.1 503 Down\r\n\r\n"),
    "packed": saying(200, PACKED, "Content-Encoding: gzip"),
}


@pytest.fixture(autouse=True)
def _longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LONGEST_ANSWER", LONGEST)


@contextmanager
def little_memory() -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("manner", FLOODS.values(), ids=FLOODS)
@pytest.mark.parametrize("asked", ["post", "get"])
def test_an_answer_without_an_end_is_given_up(manner: Manner, asked: str) -> None:
    wire = Wire()
    with peer(manner) as vendor, little_memory():
        if asked == "post":
            given = wire.post_json(vendor.url, {}, auth=Headers({}))
        else:
            given = wire.get(vendor.url, auth=Headers({}))
    assert isinstance(given, Lost)
    assert (given.result().outcome, given.result().code) == (Outcome.AMBIGUOUS, "unreadable")
    assert f"longer than {LONGEST} bytes" in given.text
    assert (len(vendor.requests), vendor.drained) == (1, False)
    with peer(saying(200)) as vendor:
        assert isinstance(wire.post_json(vendor.url, {}, auth=Headers({})), Reply)
    wire.close()


@pytest.mark.parametrize(("size", "read_whole"), [(LONGEST, True), (LONGEST + 1, False)])
def test_the_longest_answer_is_read(size: int, read_whole: bool) -> None:
    wire = Wire()
    with peer(saying(200, b" " * size)) as vendor:
        given = wire.post_json(vendor.url, {}, auth=Headers({}))
    wire.close()
    assert isinstance(given, Reply) is read_whole


def test_the_longest_answer_of_a_full_batch_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    answer = {"elements": [{"status": 422, "message": "x" * 1500}] * facts("linkedin").batch_size}
    wire = Wire()
    with peer(saying(200, json.dumps(answer).encode())) as vendor:
        given = wire.post_json(vendor.url, {}, auth=Headers({}))
    wire.close()
    assert isinstance(given, Reply)
    assert given.document() == answer


def test_a_platform_that_floods_leaves_the_request_in_doubt(
    case: Case, opened: Callable[[str], Platform]
) -> None:
    flood = flooding(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
    token = saying(200, b'{"access_token": "canaryfetched04"}')

    def manner(connection: socket.socket, other: Peer) -> None:
        first = connection.recv(11, socket.MSG_PEEK | socket.MSG_WAITALL)
        (token if first == b"POST /token" else flood)(connection, other)

    with peer(manner) as vendor, little_memory():
        answer = opened(vendor.url).send([purchase(case)], validate_only=False)
    assert (answer.outcome, answer.code, answer.rows) == (Outcome.AMBIGUOUS, "unreadable", {})
    assert vendor.drained is False
