"""Answers no vendor means to give, byte by byte over real sockets: the pull ends in a known way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from conversion_sync.billing.provider import RawRecord
from conversion_sync.billing.stripe.catalogue import catalogue
from conversion_sync.billing.stripe.client import Client
from conversion_sync.billing.stripe.pull import event_pages
from conversion_sync.errors import ConversionSyncError, CredentialError, PermanentError, TransientError
from conversion_sync.model.windows import Window
from tests.unit.platforms.peer import Manner, answering, closing, peer, resetting, saying

WINDOW = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))
RETRY = catalogue().retry


def pull(url: str, waits: list[float]) -> list[RawRecord]:
    client = Client("main", "sk_live_canary", url, catalogue(), waits.append)
    return [record for page in event_pages(client, catalogue(), WINDOW, timedelta()) for record in page]


def test_a_window_is_asked_for_by_type_twenty_at_a_time() -> None:
    with peer(saying(200, b'{"data":[],"has_more":true}')) as vendor:
        assert pull(vendor.url, []) == []
    asked = [request.split(b" ")[1].decode() for request in vendor.requests]
    assert [request.count("types[") + request.count("types%5B") for request in asked] == [20, 6]
    for request in asked:
        assert f"gte]={int(WINDOW.start.timestamp())}" in request.replace("%5D", "]")
        assert "limit=100" in request
    assert all(b"Stripe-Version: 2026-10-28.endive" in request for request in vendor.requests)
    assert all(b"telemetry" not in request.lower() for request in vendor.requests)


BROKEN: list[tuple[str, Manner]] = [
    ("a body cut short", answering(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"data":')),
    ("a chunk cut short", answering(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"d')),
    ("a body that is no archive", answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nabcd")),
    ("no HTTP", answering(b"hello\r\n\r\n")),
    ("nothing", closing),
    ("a reset", resetting),
    ("no text", saying(200, b'{"data":"\xff\xfe"}')),
    ("a number that is none", saying(200, b'{"data":[NaN]}')),
    ("rows without ids", saying(200, b'{"data":[{}]}')),
    ("an error of another shape", saying(400, b'{"error":"unavailable"}')),
    ("a redirect to itself", saying(302, b"", "Location: /v1/events")),
]


@pytest.mark.parametrize("manner", [row[1] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_an_answer_that_makes_no_sense_is_asked_for_again_and_then_given_up(manner: Manner) -> None:
    waits: list[float] = []
    with peer(manner) as vendor, pytest.raises(TransientError):
        pull(vendor.url, waits)
    assert len(waits) == RETRY.attempts - 1
    assert all(0 < wait <= RETRY.longest_wait_seconds for wait in waits)


REFUSED: list[tuple[str, Manner, type[ConversionSyncError]]] = [
    ("a page at a key's door", saying(401, b"<html>sk_live_canary</html>"), CredentialError),
    ("a list at a key's door", saying(403, b'["sk_live_canary"]'), CredentialError),
    ("a page", saying(400, b"<html>sk_live_canary</html>"), PermanentError),
    ("a list", saying(404, b'["sk_live_canary"]'), PermanentError),
    ("an error without words", saying(400, b'{"error":{}}'), PermanentError),
]


@pytest.mark.parametrize(("manner", "kind"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_a_refusal_in_any_form_is_a_refusal_without_the_key(
    manner: Manner, kind: type[ConversionSyncError]
) -> None:
    waits: list[float] = []
    with peer(manner) as vendor, pytest.raises(kind) as caught:
        pull(vendor.url, waits)
    assert (waits, len(vendor.requests), "canary" in str(caught.value)) == ([], 1, False)
