"""What a broken exchange means: whether the request may have arrived. Over real sockets."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms import http
from conversion_sync.platforms.http import Bearer, Headers, Lost, Reply, Wire, parsed, retry_after
from conversion_sync.platforms.platform import SendResult
from conversion_sync.sandbox.google_ads_tls import make_tls
from tests.unit.platforms.peer import (
    Manner,
    Peer,
    answering,
    closing,
    full,
    peer,
    read,
    refusing,
    resetting,
    saying,
    silent,
)

TOKEN = "canary-token-0123456789"


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(http, "READ_SECONDS", 0.2)


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire(secrets=(TOKEN,))
    yield made
    made.close()


def post(wire: Wire, url: str) -> Reply | Lost:
    return wire.post_json(f"{url}/path?x=1", {"a": "é"}, auth=Bearer(TOKEN))


def test_a_request_is_one_json_document_with_its_token_in_a_header(wire: Wire) -> None:
    with peer(saying(200, b'{"ok":true}', "X-Request-Id: 7", "Retry-After: 3")) as vendor:
        answer = wire.post_json(
            f"{vendor.url}/path?x=1", {"a": "é"}, auth=Bearer(TOKEN), headers={"X-V": "2"}
        )
    (request,) = vendor.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"POST /path?x=1 HTTP/1.1"
    assert body == '{"a":"é"}'.encode()
    sent = {
        name.lower(): value
        for name, _, value in (line.partition(": ") for line in head.decode().split("\r\n")[1:])
    }
    assert {name: sent[name] for name in ("authorization", "content-type", "x-v", "connection")} == {
        "authorization": f"Bearer {TOKEN}",
        "content-type": "application/json",
        "x-v": "2",
        "connection": "close",
    }
    assert isinstance(answer, Reply)
    assert (answer.status, answer.text, answer.document()) == (200, '{"ok":true}', {"ok": True})
    assert (answer.headers["x-request-id"], answer.retry_after) == ("7", timedelta(seconds=3))


def test_a_form_carries_no_credential_in_its_headers(wire: Wire) -> None:
    with peer(saying(200)) as vendor:
        wire.post_form(vendor.url, {"grant_type": "refresh_token", "refresh_token": "a b&c"})
    (request,) = vendor.requests
    assert request.endswith(b"grant_type=refresh_token&refresh_token=a+b%26c")
    assert b"authorization" not in request.lower()


@pytest.mark.parametrize(
    ("auth", "header"),
    [(Bearer(TOKEN), f"authorization: bearer {TOKEN}"), (Headers({"Access-Token": TOKEN}), TOKEN)],
)
def test_a_netrc_file_never_replaces_the_token(
    wire: Wire, auth: Any, header: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with peer(saying(200)) as vendor:
        wire.post_json(vendor.url, {}, auth=auth)
    (request,) = vendor.requests
    assert header in request.decode().lower()
    assert b"basic" not in request.lower()


def test_a_redirect_is_an_answer_and_not_followed(wire: Wire) -> None:
    with peer(saying(200)) as other, peer(saying(307, b"", f"Location: {other.url}/")) as vendor:
        answer = post(wire, vendor.url)
    assert isinstance(answer, Reply)
    assert (answer.status, len(vendor.requests), other.requests) == (307, 1, [])


def test_an_answer_that_is_no_utf8_is_read_all_the_same(wire: Wire) -> None:
    with peer(saying(502, b"\xff\xfe<html>")) as vendor:
        answer = post(wire, vendor.url)
    assert isinstance(answer, Reply)
    assert (answer.status, answer.text, answer.document()) == (502, "\ufffd\ufffd<html>", None)


def test_every_request_has_a_connection_of_its_own(wire: Wire) -> None:
    with peer(saying(200)) as vendor:
        answers = [post(wire, vendor.url) for _ in range(3)]
    assert [type(answer) for answer in answers] == [Reply] * 3


HEAD = b"HTTP/1.1 200 OK\r\n"
CUT: list[tuple[str, Manner]] = [
    ("reset within the request", resetting),
    ("closed after the request", closing),
    ("no answer in time", silent),
    ("half a line", answering(b"HTTP/1")),
    ("half a body", answering(HEAD + b"Content-Length: 100\r\n\r\n{}")),
    ("half a chunk", answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\n20\r\n{}")),
    ("a chunk without a size", answering(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n")),
    ("no HTTP", answering(b"\x00\x01\x02\r\n\r\n")),
    ("a status that is none", answering(b"HTTP/1.1 ok\r\n\r\n")),
    ("lengths that disagree", answering(HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}")),
    ("too many headers", answering(HEAD + b"X: y\r\n" * 200 + b"\r\n")),
    ("a broken encoding", answering(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}")),
]


@pytest.mark.parametrize("manner", [manner for _, manner in CUT], ids=[name for name, _ in CUT])
def test_a_connection_that_breaks_after_it_stood_leaves_the_request_in_doubt(
    wire: Wire, manner: Manner
) -> None:
    with peer(manner) as vendor:
        answer = post(wire, vendor.url)
    assert isinstance(answer, Lost)
    assert answer.result() == SendResult(outcome=Outcome.AMBIGUOUS, code="no_answer", text=answer.text)
    assert answer.text
    assert TOKEN not in answer.text


def test_half_a_head_is_an_answer_without_a_body(wire: Wire) -> None:
    with peer(answering(b"HTTP/1.1 503 Down\r\nContent-Le")) as vendor:
        answer = post(wire, vendor.url)
    assert isinstance(answer, Reply)
    assert (answer.status, answer.text) == (503, "")


def test_an_answer_that_stops_midway_is_given_up(wire: Wire) -> None:
    def manner(connection: socket.socket, other: Any) -> None:
        closing(connection, other)
        connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        other.over.wait()

    with peer(manner) as vendor:
        answer = post(wire, vendor.url)
    assert isinstance(answer, Lost)
    assert answer.arrived


Standing = Callable[[], AbstractContextManager[str]]


@pytest.mark.parametrize("place", [refusing, full])
def test_a_connection_that_never_stood_sent_nothing(wire: Wire, place: Standing) -> None:
    with place() as url:
        answer = post(wire, url)
    assert isinstance(answer, Lost)
    assert answer.result() == SendResult(outcome=Outcome.RETRY_LATER, code="not_connected", text=answer.text)


def test_a_name_that_does_not_resolve_sent_nothing(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    answer = post(wire, "http://vendor.invalid")
    assert isinstance(answer, Lost)
    assert answer.result().outcome is Outcome.RETRY_LATER


def test_a_proxy_that_cannot_be_had_sent_nothing(wire: Wire) -> None:
    with refusing() as proxy:
        wire.session.proxies = {"http": proxy, "https": proxy}
        answers = [post(wire, f"{scheme}://vendor.invalid") for scheme in ("http", "https")]
    assert [isinstance(answer, Lost) and answer.arrived for answer in answers] == [False, False]


def test_a_proxy_that_opens_no_tunnel_sent_nothing(wire: Wire) -> None:
    with peer(saying(403)) as proxy:
        wire.session.proxies = {"https": proxy.url}
        answer = post(wire, "https://vendor.invalid")
    assert isinstance(answer, Lost)
    assert answer.arrived is False


@pytest.mark.parametrize("manner", [closing, silent], ids=["closed", "no answer in time"])
def test_a_request_that_broke_behind_a_proxy_is_in_doubt(wire: Wire, manner: Manner) -> None:
    with peer(manner) as proxy:
        wire.session.proxies = {"http": proxy.url}
        answer = post(wire, "http://vendor.invalid")
    assert proxy.requests[0].startswith(b"POST http://vendor.invalid/path")
    assert isinstance(answer, Lost)
    assert answer.arrived


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[ssl.SSLContext, str]:
    """A server's side of TLS, and the file with the root to trust."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    made = make_tls()
    for name, content in (("ca", made.ca), ("chain", made.chain), ("key", made.key)):
        (tmp_path / name).write_bytes(content)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chain", tmp_path / "key")
    return context, str(tmp_path / "ca")


def test_a_vendor_that_is_not_trusted_is_sent_nothing(
    wire: Wire, certified: tuple[ssl.SSLContext, str]
) -> None:
    with peer(saying(200), certified[0]) as vendor:
        answer = post(wire, vendor.url)
    assert isinstance(answer, Lost)
    assert (answer.arrived, vendor.requests) == (False, [])


def test_a_vendor_that_speaks_no_tls_is_sent_nothing(wire: Wire) -> None:
    def plain(connection: socket.socket, _: object) -> None:
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with peer(plain) as vendor:
        answer = post(wire, vendor.url.replace("http:", "https:"))
    assert isinstance(answer, Lost)
    assert answer.arrived is False


@pytest.mark.parametrize("manner", [closing, silent], ids=["closed", "no answer in time"])
def test_tls_that_breaks_after_the_request_leaves_it_in_doubt(
    wire: Wire, certified: tuple[ssl.SSLContext, str], manner: Manner
) -> None:
    context, wire.session.verify = certified
    with peer(saying(200), context) as vendor:
        assert isinstance(post(wire, vendor.url), Reply)
    with peer(manner, context) as vendor:
        answer = post(wire, vendor.url)
    assert isinstance(answer, Lost)
    assert (answer.arrived, len(vendor.requests)) == (True, 1)


def dripping(answer: bytes) -> Manner:
    """Answers a byte at a time, each before anybody has waited long for it."""

    def manner(connection: socket.socket, other: Peer) -> None:
        read(connection, other)
        for byte in answer:
            connection.sendall(bytes([byte]))
            if other.over.wait(0.02):
                return

    return manner


DRIPS = {
    "a head in drips": HEAD + b"X: " + b"x" * 300 + b"\r\nContent-Length: 2\r\n\r\n{}",
    "a body in drips": HEAD + b"\r\n" + b"{}" + b" " * 300,
}


@pytest.mark.parametrize("answer", DRIPS.values(), ids=DRIPS)
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_an_answer_in_drips_is_given_up_however_steadily_they_come(
    wire: Wire,
    certified: tuple[ssl.SSLContext, str],
    answer: bytes,
    secure: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "EXCHANGE_SECONDS", 0.5)
    monkeypatch.setattr(http, "READ_SECONDS", 5)
    context, wire.session.verify = certified
    with peer(dripping(answer), context if secure else None) as vendor:
        given = post(wire, vendor.url)
    assert given == Lost(arrived=True, text="The answer was not there after 0.5 seconds.")
    monkeypatch.setattr(http, "EXCHANGE_SECONDS", 5)
    with peer(saying(200), context if secure else None) as vendor:
        assert isinstance(post(wire, vendor.url), Reply)


def test_a_request_that_broke_inside_a_proxys_tunnel_is_in_doubt(
    wire: Wire, certified: tuple[ssl.SSLContext, str]
) -> None:
    context, wire.session.verify = certified

    def tunnel(connection: socket.socket, other: Peer) -> None:
        read(connection, other)
        connection.sendall(b"HTTP/1.1 200 Open\r\n\r\n")
        with context.wrap_socket(connection, server_side=True) as secured:
            read(secured, other)

    with peer(tunnel) as proxy:
        wire.session.proxies = {"https": proxy.url}
        answer = post(wire, "https://localhost")
    assert [request.split(b" ")[0] for request in proxy.requests] == [b"CONNECT", b"POST"]
    assert isinstance(answer, Lost)
    assert answer.arrived


UNSENDABLE = [
    ("http://127.0.0.1:9", f"{TOKEN}\n"),
    ("http://127.0.0.1:9", f"\u201c{TOKEN}\u201d"),
    ("no address", TOKEN),
    ("http://", TOKEN),
    ("ftp://vendor.example", TOKEN),
    ("http://vendor..example", TOKEN),
    ("http://[::1", TOKEN),
]


@pytest.mark.parametrize(("url", "token"), UNSENDABLE)
def test_a_request_that_cannot_be_written_is_a_humans_to_mend(url: str, token: str) -> None:
    wire = Wire(secrets=(token,))
    answer = wire.post_json(url, {}, auth=Bearer(token))
    assert isinstance(answer, Lost)
    assert (answer.arrived, answer.result().outcome, answer.result().code) == (
        False,
        Outcome.HOLD,
        "not_sendable",
    )
    assert answer.result().remedy == http.NOT_SENDABLE
    assert TOKEN not in answer.text


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_json_cannot_hold_never_leaves(wire: Wire, number: float) -> None:
    with peer(saying(200)) as vendor, pytest.raises(ValueError, match="not JSON compliant"):
        wire.post_json(vendor.url, {"value": number}, auth=Bearer(TOKEN))
    assert vendor.requests == []


NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DELAYS = [
    ("0", timedelta()),
    ("7", timedelta(seconds=7)),
    (" 7 ", timedelta(seconds=7)),
    ("0.5", timedelta(milliseconds=500)),
    ("-3", timedelta()),
    ("86401", timedelta(days=1)),
    ("1e300", timedelta(days=1)),
    ("-1e300", timedelta()),
    ("Fri, 20 Nov 2026 12:00:30 GMT", timedelta(seconds=30)),
    ("Fri, 20 Nov 2026 13:00:30 +0100", timedelta(seconds=30)),
    ("Fri, 20 Nov 2026 12:00:30", timedelta(seconds=30)),
    ("Fri, 20 Nov 2026 11:00:00 GMT", timedelta()),
    ("Sat, 21 Nov 2026 13:00:00 GMT", timedelta(days=1)),
    ("nan", None),
    ("inf", None),
    ("soon", None),
    ("", None),
    ("Mon, 99 Nov 2026 00:00:00 GMT", None),
    ("1 Jan 99999999999999999999 00:00:00 GMT", None),
]


@pytest.mark.parametrize(("text", "delay"), DELAYS)
def test_a_retry_after_is_seconds_or_a_date_and_never_more_than_a_day(
    text: str, delay: timedelta | None
) -> None:
    assert retry_after(text, NOW) == delay


@pytest.mark.parametrize("text", ["", "{", "nonsense", "[" * 100_000, "1" * 10_000])
def test_a_text_that_is_no_json_has_no_value(text: str) -> None:
    assert parsed(text) is None


def test_what_is_shown_of_an_exchange_holds_no_secret() -> None:
    reply = Reply(status=200, headers={"x-token": TOKEN}, text=json.dumps({"access_token": TOKEN}))
    assert TOKEN not in repr((Wire(secrets=(TOKEN,)), reply, Bearer(TOKEN), Headers({"Access-Token": TOKEN})))
