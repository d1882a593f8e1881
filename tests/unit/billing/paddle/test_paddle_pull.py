"""Answers no vendor means to give, byte by byte over real sockets: the pull ends in a known way."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from conversion_sync.billing.paddle.adapter import PaddleProvider
from conversion_sync.billing.paddle.catalogue import catalogue
from conversion_sync.billing.paddle.client import PaddleLists
from conversion_sync.billing.paddle.settings import Account
from conversion_sync.billing.provider import RawRecord
from conversion_sync.errors import ConversionSyncError, CredentialError, PermanentError, TransientError
from conversion_sync.model.windows import Window
from tests.unit.platforms.peer import Manner, Peer, answering, closing, peer, read, resetting, saying

WINDOW = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 2, tzinfo=UTC))
RETRY = catalogue().retry
KEY = "pdl_live_apikey_canary"


def provider(url: str, waits: list[float]) -> PaddleProvider:
    settings = Account(api_key=KEY, api_base=url, overlap_minutes=0, requests_per_minute=100_000)
    return PaddleProvider("main", settings, waits.append)


def pull(url: str, waits: list[float]) -> list[RawRecord]:
    return [record for page in provider(url, waits).pull(WINDOW) for record in page]


def page(*rows: Any, more: bool = False, following: str = "", total: Any = 0) -> bytes:
    paging = {"per_page": 200, "next": following, "has_more": more, "estimated_total": total}
    return json.dumps({"data": rows, "meta": {"request_id": "x", "pagination": paging}}).encode()


def row(name: str, at: datetime, **changes: Any) -> dict[str, Any]:
    told = {"event_id": name, "event_type": "transaction.completed", "occurred_at": at.isoformat()}
    return told | {"data": {}} | changes


def asked(request: bytes) -> dict[str, str]:
    address = urlsplit(request.split(b" ")[1].decode())
    return {key: values[0] for key, values in parse_qs(address.query).items()}


def test_a_window_is_asked_for_by_its_bounds_and_a_little_more() -> None:
    with peer(saying(200, page())) as vendor:
        assert pull(vendor.url, []) == []
    [request] = vendor.requests
    question = asked(request)
    assert question["from"] == "2026-10-31T23:59:59.999000Z"
    assert question["to"] == "2026-11-02T00:00:00.001000Z"
    assert (question["order_by"], question["per_page"]) == ("id[ASC]", "200")
    assert set(question["event_type"].split(",")) == set(catalogue().events.read)
    headers = request.lower()
    assert b"authorization: bearer " + KEY.encode() in headers
    assert b"paddle-version: 1" in headers


def test_what_lies_at_and_beyond_the_bounds_is_told_apart_here() -> None:
    tick = timedelta(microseconds=1)
    rows = [
        row("evt_before", WINDOW.start - tick),
        row("evt_first", WINDOW.start),
        row("evt_last", WINDOW.end - tick),
        row("evt_after", WINDOW.end),
    ]
    with peer(saying(200, page(*rows))) as vendor:
        assert [record.event_id for record in pull(vendor.url, [])] == ["evt_first", "evt_last"]


def test_a_row_that_is_told_twice_is_kept_once() -> None:
    again = row("evt_1", WINDOW.start)
    with peer(saying(200, page(again, again))) as vendor:
        assert [record.event_id for record in pull(vendor.url, [])] == ["evt_1"]


def test_an_event_of_any_shape_is_kept() -> None:
    odd = [
        row("evt_1", WINDOW.start, data=None),
        row("evt_2", WINDOW.start, event_type=None),
        row("evt_3", WINDOW.start, occurred_at=None),
        row("evt_4", WINDOW.start, data={"customer_id": 7, "id": "\ud800"}),
    ]
    with peer(saying(200, page(*odd))) as vendor:
        found = pull(vendor.url, [])
    assert [(record.event_id, record.event_type) for record in found] == [
        ("evt_1", "transaction.completed"),
        ("evt_2", "unknown"),
        ("evt_3", "transaction.completed"),
        ("evt_4", "transaction.completed"),
    ]
    assert {record.created_at for record in found} == {WINDOW.start}


def replying(body: Callable[[str, str], bytes]) -> Manner:
    """Answers each request with what `body` makes of the vendor's own address and the path."""

    def manner(connection: socket.socket, vendor: Peer) -> None:
        path = read(connection, vendor).split(b" ")[1].decode()
        said = body(vendor.url, path)
        head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(said)}\r\n\r\n"
        connection.sendall(head.encode() + said)

    return manner


def test_the_next_page_is_where_paddle_says() -> None:
    first, second = row("evt_1", WINDOW.start), row("evt_2", WINDOW.start + timedelta(hours=3))
    third = row("evt_3", WINDOW.start + timedelta(hours=5))

    def says(base: str, path: str) -> bytes:
        if "after=evt_2" in path:
            return page(third)
        if len(vendor.requests) == 1:
            return page(first, more=True, following=f"{base}/events?after=evt_1")
        return page(first, second, more=True, following=f"{base}/events?after=evt_2")

    with peer(replying(says)) as vendor:
        assert [record.event_id for record in pull(vendor.url, [])] == ["evt_1", "evt_2", "evt_3"]
    assert asked(vendor.requests[-1]) == {"after": "evt_2"}


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1:1/events?after=evt_1",
        "https://evil.example/events",
        "//evil.example/events",
        "/events?after=evt_1",
        "evil.example/events",
        "file:///etc/passwd",
    ],
)
def test_a_link_to_another_address_is_not_followed_and_the_key_stays(link: str) -> None:
    with peer(saying(200, page(row("evt_1", WINDOW.start), more=True, following=link))) as vendor:
        waits: list[float] = []
        with pytest.raises(PermanentError) as caught:
            pull(vendor.url, waits)
    assert (len(vendor.requests), waits) == (1, [])
    assert "billing.paddle.main.api_base" in caught.value.remedy


def test_a_link_that_leads_nowhere_new_is_not_followed_for_ever() -> None:
    def again(base: str, _: str) -> bytes:
        return page({"id": "adj_1"}, more=True, following=f"{base}/adjustments?after=x")

    waits: list[float] = []
    with peer(replying(again)) as vendor:
        lists = PaddleLists("main", KEY, vendor.url, 100_000, catalogue(), waits.append)
        with pytest.raises(TransientError):
            list(lists.pages("/adjustments", {}))
    assert len(waits) == RETRY.attempts - 1


BROKEN: list[tuple[str, Manner]] = [
    ("a body cut short", answering(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"data":')),
    ("a chunk cut short", answering(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"d')),
    ("a body that is no archive", answering(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nabcd")),
    ("no HTTP", answering(b"hello\r\n\r\n")),
    ("nothing", closing),
    ("a reset", resetting),
    ("no text", saying(200, b'{"data":"\xff\xfe"}')),
    ("a number that is none", saying(200, page(row("evt_1", WINDOW.start)).replace(b"{}", b"NaN"))),
    ("rows without ids", saying(200, page({}))),
    ("rows with ids that are none", saying(200, page({"event_id": 7}))),
    ("no paging", saying(200, b'{"data":[],"meta":{}}')),
    ("paging that does not say whether there is more", saying(200, page().replace(b"false", b"null"))),
    ("more, and no link", saying(200, page(row("evt_1", WINDOW.start), more=True).replace(b'""', b"null"))),
    ("more, and no rows", saying(200, page(more=True, following="/events?after=evt_1"))),
    ("a redirect to itself", saying(302, b"", "Location: /events")),
    ("a redirect elsewhere", saying(307, b"", "Location: http://127.0.0.1:1/events")),
    ("nothing new", saying(204, b"")),
]


@pytest.mark.parametrize("manner", [entry[1] for entry in BROKEN], ids=[entry[0] for entry in BROKEN])
def test_an_answer_that_makes_no_sense_is_asked_for_again_and_then_given_up(manner: Manner) -> None:
    waits: list[float] = []
    with peer(manner) as vendor, pytest.raises(TransientError):
        pull(vendor.url, waits)
    assert len(waits) == RETRY.attempts - 1
    assert all(0 < wait <= RETRY.longest_wait_seconds for wait in waits)


REFUSED: list[tuple[str, Manner, type[ConversionSyncError]]] = [
    ("a page at a key's door", saying(401, f"<html>{KEY}</html>".encode()), CredentialError),
    ("a list at a key's door", saying(403, f'["{KEY}"]'.encode()), CredentialError),
    ("a page", saying(400, f"<html>{KEY}</html>".encode()), PermanentError),
    ("a list", saying(404, f'["{KEY}"]'.encode()), PermanentError),
    ("an error without words", saying(400, b'{"error":{}}'), PermanentError),
    ("an error of another shape", saying(400, b'{"error":"unavailable"}'), PermanentError),
    (
        "an error whose fields are none",
        saying(400, b'{"error":{"code":1,"detail":2,"errors":[3]}}'),
        PermanentError,
    ),
]


@pytest.mark.parametrize(
    ("manner", "kind"), [entry[1:] for entry in REFUSED], ids=[entry[0] for entry in REFUSED]
)
def test_a_refusal_in_any_form_is_a_refusal_without_the_key(
    manner: Manner, kind: type[ConversionSyncError], capfd: pytest.CaptureFixture[str]
) -> None:
    waits: list[float] = []
    with peer(manner) as vendor, pytest.raises(kind) as caught:
        pull(vendor.url, waits)
    assert (waits, len(vendor.requests), "canary" in str(caught.value)) == ([], 1, False)
    assert capfd.readouterr() == ("", "")


def test_what_paddle_says_is_told() -> None:
    said = {
        "error": {
            "code": "invalid_field",
            "detail": "No.",
            "errors": [{"field": "from", "message": "is late"}],
        }
    }
    with peer(saying(400, json.dumps(said).encode())) as vendor, pytest.raises(PermanentError) as caught:
        pull(vendor.url, [])
    assert "invalid_field: No.; from is late" in caught.value.message


# -- objects ---------------------------------------------------------------------------------------------


def by_list(answers: dict[str, bytes]) -> Manner:
    return replying(lambda _, path: answers[path.split("?")[0]])


def test_objects_are_transactions_of_the_window_and_what_changed_since() -> None:
    old, young = "sub_01aaaaaaaaaaaaaaaaaaaaaaaa", "sub_01bbbbbbbbbbbbbbbbbbbbbbbb"
    bill = {"id": "txn_1", "created_at": "2026-11-01T01:00:00Z", "customer_id": "ctm_1"}
    answers = {
        "/transactions": page(bill),
        "/adjustments": page({"id": "adj_1", "transaction_id": "txn_1"}),
        "/subscriptions": page(
            {"id": old, "updated_at": "2026-10-31T23:59:59Z"},
            {"id": young, "updated_at": "2026-12-01T00:00:00Z"},
            {"id": "sub_odd", "updated_at": None},
        ),
    }
    with peer(by_list(answers)) as vendor:
        found = [record for each in provider(vendor.url, []).objects(WINDOW) for record in each]
    assert sorted((record.event_type, record.event_id.split(":")[1]) for record in found) == [
        ("object.adjustment", "adj_1"),
        ("object.subscription", young),
        ("object.subscription", "sub_odd"),
        ("object.transaction", "txn_1"),
        ("object.transaction", "txn_1"),
    ]
    assert {record.invoice_ref for record in found if "subscription" not in record.event_type} == {"txn_1"}
    questions = [asked(request) for request in vendor.requests if b"/transactions" in request]
    assert sorted(key for question in questions for key in question if "_at" in key) == [
        "billed_at[GTE]",
        "billed_at[LT]",
        "updated_at[GTE]",
        "updated_at[LT]",
    ]
    assert {question["include"] for question in questions} == {"customer,address"}


def test_adjustments_are_read_back_to_weeks_before_the_window() -> None:
    """Their ids are times; 2026-09-20 is more than 35 days before 2026-11-01."""
    from conversion_sync.sandbox.paddle_ids import name

    young = name("adj", datetime(2026, 10, 20, tzinfo=UTC), "young")
    old = name("adj", datetime(2026, 9, 20, tzinfo=UTC), "old")

    def says(base: str, path: str) -> bytes:
        if not path.startswith("/adjustments"):
            return page()
        this = old if "after" in path else young
        bill = {"id": this, "transaction_id": "txn_1"}
        return page(bill, more=True, following=f"{base}/adjustments?after={this}")

    with peer(replying(says)) as vendor:
        found = [record for each in provider(vendor.url, []).objects(WINDOW) for record in each]
    assert [record.event_id.split(":")[1] for record in found] == [young, old]
