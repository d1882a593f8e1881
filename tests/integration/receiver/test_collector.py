"""What a browser tells is on disk before it is answered 204, and leaves nothing where it is refused."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator

import pytest
import requests
from sqlalchemy import Engine, text

from conversion_sync.store.embedded import EmbeddedServer
from tests.conftest import Database, cloned
from tests.integration.receiver.browsers import (
    AGENT,
    GCLID,
    GRANTED,
    SITE,
    VISITOR,
    collecting,
    message,
    milliseconds,
    one_click,
    tell,
    told,
    user,
)
from tests.integration.receiver.serving import NOW, serving, settings


@pytest.fixture
def collector(database: Database) -> Iterator[str]:
    with serving(database.url, collecting()) as address:
        yield address


@pytest.fixture(scope="module")
def refusing(server: EmbeddedServer) -> Iterator[tuple[Engine, str]]:
    """A database for all requests that leave nothing in it, and a collector."""
    with cloned(server) as database, serving(database.url, collecting()) as address:
        yield database.engine, address


def test_a_click_is_kept_as_it_was_told(database, collector) -> None:
    click = one_click() | {"utm": {"source": "google"}, "url": f"{SITE}/?gclid={GCLID}", "referrer": "🧾"}
    answer = tell(collector, "/v1/click", message(click, browser={"fbp": "fb.1.1.2"}, ip_address="192.0.2.9"))
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["Access-Control-Allow-Origin"] == SITE
    body = click | {"sent_at": milliseconds(NOW), "consent": GRANTED, "browser": {"fbp": "fb.1.1.2"}}
    assert told(database.engine) == [("click", NOW, VISITOR, body, AGENT, "127.0.0.1")]


def test_every_click_of_a_message_is_a_row(database, collector) -> None:
    clicks = [one_click(gclid=f"{GCLID}{number}") for number in range(5)]
    assert tell(collector, "/v1/click", message(*clicks)).status_code == 204
    assert [row[3]["ids"]["gclid"][-1] for row in told(database.engine)] == ["0", "1", "2", "3", "4"]


def test_a_user_is_kept_as_they_were_told(database, collector) -> None:
    assert tell(collector, "/v1/identify", user("u-1")).status_code == 204
    stamp = milliseconds(NOW)
    body = {"sent_at": stamp, "user_id": "u-1", "at": stamp}
    assert told(database.engine) == [("identify", NOW, VISITOR, body, AGENT, "127.0.0.1")]


@pytest.mark.parametrize(
    "origin",
    [None, "", "null", "https://example.com", "http://www.example.com", f"{SITE}.evil.test", f"{SITE}/"],
)
def test_another_origin_is_403_and_leaves_no_row(refusing, origin) -> None:
    engine, collector = refusing
    headers = {"User-Agent": AGENT} | ({} if origin is None else {"Origin": origin})
    for method in ("POST", "OPTIONS"):
        answer = requests.request(method, f"{collector}/v1/click", json=message(), headers=headers)
        assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (403, False)
    assert told(engine) == []


def test_who_asks_before_sending_json_may(refusing) -> None:
    _, collector = refusing
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    answer = requests.options(f"{collector}/v1/click", headers={"Origin": SITE} | asked)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Methods"] == "POST"
    assert answer.headers["Access-Control-Allow-Headers"] == "Content-Type"


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/v1/click", b"", "the body: Invalid JSON"),
        ("/v1/click", b'{"visitor_id": "\xff"}', "the body: Invalid JSON"),
        ("/v1/click", b'{"visitor_id": "\\ud800"}', "the body: Invalid JSON"),
        ("/v1/click", [], "the body: "),
        ("/v1/click", message(visitor_id="short"), "visitor_id: "),
        ("/v1/click", message(visitor_id=f"{VISITOR}'; drop"), "visitor_id: "),
        ("/v1/click", message(clicks=[]), "clicks: "),
        ("/v1/click", message(*[one_click()] * 51), "clicks: "),
        ("/v1/click", message(one_click() | {"at": "yesterday"}), "clicks.0.at: "),
        ("/v1/click", message(one_click() | {"at": 10**30}), "clicks.0.at: "),
        ("/v1/click", message(one_click() | {"ids": {"gclid": 7}}), "clicks.0.ids.gclid: "),
        ("/v1/click", message(sent_at=None), "sent_at: "),
        ("/v1/identify", user(""), "user_id: "),
        ("/v1/identify", user("u" * 201), "user_id: "),
        ("/v1/identify", message(), "user_id: "),
    ],
)
def test_another_form_is_400_says_where_and_leaves_no_row(refusing, path, body, words) -> None:
    engine, collector = refusing
    answer = tell(collector, path, body)
    assert answer.status_code == 400
    assert answer.text.startswith(words)
    assert "drop" not in answer.text
    assert told(engine) == []


def test_a_character_no_database_keeps_does_not_cost_the_others_theirs(database, collector) -> None:
    odd = message(one_click() | {"url": "https://a\x00b"}, clicks=None) | {
        "clicks": [one_click() | {"url": "a\x00b", "ids": {"gclid\x00": GCLID}}]
    }
    assert tell(collector, "/v1/click", odd).status_code == 204
    assert [(row[3]["url"], row[3]["ids"]) for row in told(database.engine)] == [("ab", {"gclid": GCLID})]


def test_a_body_over_the_limit_is_413_and_leaves_no_row(database) -> None:
    with serving(
        database.url, collecting(collector={"origins": [SITE], "body_limit_bytes": 2000})
    ) as address:
        answer = tell(address, "/v1/click", message(one_click() | {"url": "x" * 2000}))
        assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (413, SITE)
        assert told(database.engine) == []
        assert tell(address, "/v1/click", message()).status_code == 204


def test_over_the_rate_is_429_and_says_when(database) -> None:
    chosen = collecting(
        collector={"origins": [SITE], "requests_per_minute": 3}, trusted_proxies=["127.0.0.0/8"]
    )
    with serving(database.url, chosen) as address:
        answers = [tell(address, "/v1/click", message()) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [204, 204, 204, 429, 429]
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 20
        other = tell(address, "/v1/identify", user("u-1"), **{"X-Forwarded-For": "192.0.2.7"})
        assert other.status_code == 204
    assert len(told(database.engine)) == 4


def test_an_address_is_the_last_that_a_trusted_proxy_saw(database) -> None:
    cases = [
        ([], "192.0.2.7", "127.0.0.1"),
        (["10.0.0.0/8"], "192.0.2.7", "127.0.0.1"),
        (["127.0.0.1"], "192.0.2.7", "192.0.2.7"),
        (["127.0.0.0/8"], "203.0.113.5, 192.0.2.7", "192.0.2.7"),
        (["127.0.0.1", "10.0.0.0/8"], "203.0.113.5, 192.0.2.7, 10.1.2.3", "192.0.2.7"),
        (["127.0.0.1"], "2001:db8::7", "2001:db8::7"),
    ]
    for trusted, forwarded, _ in cases:
        with serving(database.url, collecting(trusted_proxies=trusted)) as receiver:
            answer = tell(receiver, "/v1/click", message(), **{"X-Forwarded-For": forwarded})
            assert answer.status_code == 204
    assert [row[5] for row in told(database.engine)] == [address for _, _, address in cases]


def test_a_database_that_is_away_is_503_until_it_is_back(database, collector) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("alter table collector_inbox rename to away"))
    answer = tell(collector, "/v1/click", message())
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (503, SITE)
    assert int(answer.headers["Retry-After"]) > 0
    with database.engine.begin() as connection:
        connection.execute(text("alter table away rename to collector_inbox"))
    assert tell(collector, "/v1/click", message()).status_code == 204
    assert len(told(database.engine)) == 1


def test_many_at_once_share_transactions_and_are_all_kept(database) -> None:
    chosen = collecting(collector={"origins": [SITE], "requests_per_minute": 100_000})
    answers: list[int] = []

    def send(address: str, first: int) -> None:
        mine = [message(one_click(gclid=f"{GCLID}{number}")) for number in range(first, 200, 8)]
        answers.extend(tell(address, "/v1/click", one).status_code for one in mine)

    with serving(database.url, chosen) as address:
        senders = [threading.Thread(target=send, args=(address, first)) for first in range(8)]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert answers == [204] * 200
    assert len({row[3]["ids"]["gclid"] for row in told(database.engine)}) == 200


def test_without_a_collector_there_are_no_such_routes(database) -> None:
    with serving(database.url, settings()) as address:
        assert tell(address, "/v1/click", message()).status_code == 404
        assert requests.get(f"{address}/snippet.js").status_code == 404


def test_the_snippet_is_three_kilobytes_and_may_be_loaded_anywhere(refusing) -> None:
    _, collector = refusing
    answer = requests.get(f"{collector}/snippet.js", headers={"Accept-Encoding": "gzip"}, stream=True)
    sent = answer.raw.read(decode_content=False)
    assert len(sent) <= 3000
    assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
    assert answer.headers["Cache-Control"] == "public, max-age=3600"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    plain = requests.get(f"{collector}/snippet.js", headers={"Accept-Encoding": "identity"})
    assert (plain.content, "Content-Encoding" in plain.headers) == (gzip.decompress(sent), False)
    assert b"//  " not in plain.content
    again = requests.get(f"{collector}/snippet.js", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
