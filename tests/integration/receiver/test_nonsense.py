"""Whatever comes: no answer is a failure of ours, nothing unsigned is kept, nothing kept is lost."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from conversion_sync.pipeline.build import context as build_context
from conversion_sync.pipeline.inbox import land_webhooks
from tests.conftest import cloned
from tests.integration.receiver import serving
from tests.integration.receiver.serving import NOW, STRIPE, signed
from tests.integration.receiver.test_landing import THIN, event, kept
from tests.integration.world import rows

LIMIT = 10_000


@dataclass(frozen=True)
class Place:
    engine: Engine
    host: str
    port: int


@pytest.fixture(scope="module")
def place(server) -> Iterator[Place]:
    with (
        cloned(server) as database,
        serving.serving(database.url, serving.settings(body_limit_bytes=LIMIT)) as address,
    ):
        found = urlsplit(address)
        yield Place(database.engine, str(found.hostname), int(found.port or 0))


def answer(place: Place, request: bytes, *, ends: bool) -> int | None:
    """The status of a request written as it is, and `ends` early; None where none came."""
    with socket.create_connection((place.host, place.port), timeout=60) as wire:
        try:
            wire.sendall(request)
            if ends:
                wire.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # refused before its end
        heard = b""
        try:
            while more := wire.recv(65536):
                heard += more
        except ConnectionResetError:
            pass
    lines = [line for line in heard.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
    statuses = [int(line[9:12]) for line in lines]
    return next((status for status in statuses if status >= 200), None)


BODIES = st.one_of(
    st.binary(max_size=200),
    st.binary(max_size=20).map(lambda some: some * 400),
    st.recursive(st.none() | st.floats() | st.text(), st.lists).map(lambda one: json.dumps(one).encode()),
    st.just(json.dumps(event(1)).encode()),
    st.just(b"x" * (LIMIT + 1)),
)
LINES = st.lists(
    st.sampled_from(
        [
            b"Content-Encoding: gzip",
            b"Content-Type: application/x-www-form-urlencoded; charset=utf-7",
            b"Expect: 100-continue",
            b"Connection: close",
            b"X-Signature: \xff\xfe",
            b"Stripe-Signature: t=1,v1=00",
            b"stripe-signature:",
            b"Accept: */*",
            b"Cookie: " + b"a" * 9000,
            b": nameless",
            b"no colon",
            b"X-Folded: a\r\n b",
        ]
    )
    | st.binary(max_size=30).filter(lambda line: b"\r" not in line and b"\n" not in line),
    max_size=3,
)
SIGNATURES = st.one_of(
    st.just("right"),
    st.just("none"),
    st.text(max_size=60),
    st.lists(st.sampled_from(["t=1", f"t={int(NOW.timestamp())}", "v1=", "v1=00", "v0", "=", ";"])).map(
        ",".join
    ),
)
PATHS = st.sampled_from(
    [STRIPE] * 6 + ["/webhooks/stripe/m%00in", "/webhooks/%2e%2e/main", "/webhooks//", "*", "/health"]
)


@settings(max_examples=200, deadline=None)
@given(
    body=BODIES,
    lines=LINES,
    signature=SIGNATURES,
    path=PATHS,
    framing=st.sampled_from(["length", "length", "chunks", "too long", "too short", "none", "nonsense"]),
)
def test_no_request_is_answered_with_a_failure_of_ours(
    place: Place, body: bytes, lines: list[bytes], signature: str, path: str, framing: str
) -> None:
    before = rows(place.engine, "select count(*) from webhook_inbox")
    value = {"right": signed(body)["Stripe-Signature"], "none": None}.get(signature, signature)
    head = [f"POST {path} HTTP/1.1".encode(), b"Host: x", b"Connection: close", *lines]
    if value is not None:
        head.append(b"Stripe-Signature: " + value.encode("utf-8", "replace").translate(None, b"\r\n"))
    said = {"length": len(body), "too long": len(body) + 7, "too short": max(0, len(body) - 1)}
    written = body
    if framing in said:
        head.append(b"Content-Length: %d" % said[framing])
    elif framing == "chunks":
        head.append(b"Transfer-Encoding: chunked")
        written = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n"
    elif framing == "nonsense":
        head.append(b"Content-Length: many")
    status = answer(place, b"\r\n".join(head) + b"\r\n\r\n" + written, ends=framing == "too long")
    assert status is None or status < 500
    added = rows(place.engine, "select count(*) from webhook_inbox")[0][0] - before[0][0]
    assert added == (status == 200 and path == STRIPE)
    if added:
        last = rows(place.engine, "select body from webhook_inbox order by inbox_id desc limit 1")
        assert signature == "right" or "Stripe-Signature" not in (value or "Stripe-Signature")
        assert bytes(last[0][0]) == (body if framing != "too short" else body[:-1])


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PLACES = st.sampled_from(
    ["id", "type", "object", "created", "livemode", "api_version", "data", "related_object", "data.object"]
    + [f"data.object.{name}" for name in ("customer", "invoice", "payment_intent", "lines", "object", "id")]
)


def changed(base: dict[str, Any], place: str, value: object) -> bytes:
    """An event with something else in one place."""
    copy = json.loads(json.dumps(base))
    *way, last = place.split(".")
    inner = copy
    for step in way:
        inner = inner.setdefault(step, {})
    inner[last] = value
    return json.dumps(copy).encode()


EVENTS = st.builds(changed, st.sampled_from([event(1), THIN]), PLACES, ANYTHING)


@settings(max_examples=15, deadline=None)
@given(bodies=st.lists(st.one_of(EVENTS, BODIES), min_size=20, max_size=60))
def test_what_was_kept_is_landed_or_parked_and_never_lost(place: Place, bodies: list[bytes]) -> None:
    with place.engine.begin() as connection:
        connection.execute(text("truncate webhook_inbox, raw_event"))
    kept(place.engine, *bodies)
    ctx = build_context(serving.settings(), place.engine, run_id="r", clock=lambda: NOW)
    counts = land_webhooks(ctx).counts
    parked = rows(place.engine, "select body, parked_reason from webhook_inbox")
    assert counts["stripe:main webhooks"] == len(bodies)
    assert counts.get("stripe:main webhooks parked", 0) == len(parked)
    assert all(reason for _, reason in parked)
    landed = [json.loads(one) for one in bodies if one not in {bytes(body) for body, _ in parked}]
    for said in landed:
        found = rows(place.engine, "select body::text from raw_event where event_id = :id", id=said["id"])
        assert found
        sent = [other for other in landed if other["id"] == said["id"]]
        assert all(json.loads(body) in sent for (body,) in found)
