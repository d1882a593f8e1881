"""A webhook is on disk before it is answered 200, and leaves nothing where it is refused."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import requests
from sqlalchemy import text

from conversion_sync.pipeline.configuration import settings_type
from tests.contract.providers.test_signatures import (
    AT,
    LEMON_BODY,
    LEMON_DIGEST,
    LEMON_SECRET,
    PADDLE,
)
from tests.contract.providers.test_signatures import STRIPE as STRIPE_VECTOR
from tests.integration.receiver.serving import NOW, STRIPE, inbox, serving, settings, signed

BODY = '{"id": "evt_1",  "name": "Zoë — 東京 🧾"}\r\n'.encode()


def test_a_signed_body_is_kept_to_the_byte(database, receiver) -> None:
    headers = signed(BODY)
    answer = requests.post(receiver + STRIPE, BODY, headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")
    kept = {"stripe-signature": headers["Stripe-Signature"]}
    assert inbox(database.engine) == [("stripe", "main", NOW, kept, BODY)]


def test_a_body_that_is_no_text_is_kept_too(database, receiver) -> None:
    body = bytes(range(256))
    assert requests.post(receiver + STRIPE, body, headers=signed(body)).status_code == 200
    assert [row[-1] for row in inbox(database.engine)] == [body]


def test_a_body_in_chunks_is_one_body(database, receiver) -> None:
    answer = requests.post(receiver + STRIPE, iter([BODY[:7], BODY[7:]]), headers=signed(BODY))
    assert answer.status_code == 200
    assert [row[-1] for row in inbox(database.engine)] == [BODY]


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "missing"),
        ({"Stripe-Signature": ""}, "missing"),
        ({"Stripe-Signature": "v1=00"}, "malformed"),
        (signed(BODY, secret="whsec_of_somebody_else"), "forged"),
        (signed(BODY + b" "), "forged"),
        (signed(BODY, at=NOW - timedelta(seconds=301)), "stale"),
        (signed(BODY, at=NOW + timedelta(seconds=301)), "stale"),
    ],
)
def test_a_wrong_signature_is_400_and_leaves_no_row(database, receiver, headers, words) -> None:
    answer = requests.post(receiver + STRIPE, BODY, headers=headers)
    assert (answer.status_code, answer.text) == (400, f"the signature is {words}\n")
    assert inbox(database.engine) == []


def test_a_body_over_the_limit_is_413_and_leaves_no_row(database, receiver) -> None:
    large, just = b"x" * 10_001, b"x" * 10_000
    said = requests.post(receiver + STRIPE, large, headers=signed(large))
    streamed = requests.post(receiver + STRIPE, iter([large[:5000], large[5000:]]), headers=signed(large))
    assert (said.status_code, streamed.status_code) == (413, 413)
    assert inbox(database.engine) == []
    assert requests.post(receiver + STRIPE, just, headers=signed(just)).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/webhooks/stripe/other", "/webhooks/stripe/quiet", "/webhooks/paypal/main", "/webhooks/stripe/", "/"],
)
def test_an_account_that_takes_no_webhooks_is_404(database, receiver, path) -> None:
    assert requests.post(receiver + path, BODY, headers=signed(BODY)).status_code == 404
    assert inbox(database.engine) == []


@pytest.mark.parametrize(
    ("provider", "name", "value", "body", "secret"),
    [
        (
            "stripe",
            "stripe-signature",
            STRIPE_VECTOR.signed(STRIPE_VECTOR.digest),
            STRIPE_VECTOR.body,
            STRIPE_VECTOR.secret,
        ),
        ("paddle", "paddle-signature", PADDLE.signed(PADDLE.digest), PADDLE.body, PADDLE.secret),
        ("lemon_squeezy", "x-signature", LEMON_DIGEST, LEMON_BODY, LEMON_SECRET),
    ],
)
def test_every_providers_webhooks_are_taken_by_its_own_signature(
    database, provider, name, value, body, secret
) -> None:
    account = {"api_key": "key_of_nobody", "webhook_secrets": [secret]}
    chosen = settings_type().model_validate(
        {"start": "2026-01-01T00:00:00Z", "billing": {provider: {"main": account}}, "platforms": {}}
    )
    path = f"/webhooks/{provider}/main"
    with serving(database.url, chosen, lambda: datetime.fromtimestamp(AT, UTC)) as receiver:
        assert requests.post(receiver + path, body, headers={name.title(): value}).status_code == 200
        assert requests.post(receiver + path, body + b" ", headers={name: value}).status_code == 400
    [(*place, _, headers, kept)] = inbox(database.engine)
    assert (place, headers, kept) == ([provider, "main"], {name: value}, body)


def test_only_posts_are_webhooks(receiver) -> None:
    assert requests.get(receiver + STRIPE).status_code == 405


def test_a_database_that_is_away_is_503_until_it_is_back(database, receiver) -> None:
    assert requests.get(receiver + "/health").status_code == 200
    with database.engine.begin() as connection:
        connection.execute(text("alter table webhook_inbox rename to away"))
    away = requests.post(receiver + STRIPE, BODY, headers=signed(BODY))
    assert (away.status_code, away.headers["Retry-After"]) == (503, "5")
    with database.engine.begin() as connection:
        connection.execute(text("alter table away rename to webhook_inbox"))
    assert requests.post(receiver + STRIPE, BODY, headers=signed(BODY)).status_code == 200
    assert len(inbox(database.engine)) == 1


def test_a_database_that_does_not_answer_in_time_is_503_and_what_it_does_later_is_harmless(
    database, monkeypatch
) -> None:
    monkeypatch.setattr("conversion_sync.receiver.app.PATIENCE", 0.2)
    with serving(database.url, settings()) as receiver:
        with database.engine.begin() as connection:
            connection.execute(text("lock table webhook_inbox in access exclusive mode"))
            late = [requests.post(receiver + STRIPE, BODY, headers=signed(BODY)) for _ in range(2)]
        assert [answer.status_code for answer in late] == [503, 503]
        other = b'{"id": "evt_2"}'
        assert requests.post(receiver + STRIPE, other, headers=signed(other)).status_code == 200
    # The first was under way; the second's sender had gone when its turn came.
    assert [row[-1] for row in inbox(database.engine)] == [BODY, other]


def test_a_database_nobody_can_reach_is_503() -> None:
    with serving("postgresql://nobody@127.0.0.1:1/none", settings()) as receiver:
        assert requests.post(receiver + STRIPE, BODY, headers=signed(BODY)).status_code == 503
        assert requests.get(receiver + "/health").status_code == 503


def test_many_at_once_are_all_kept(database, receiver) -> None:
    bodies = [b'{"id": "evt_%d"}' % number for number in range(200)]
    answers: list[int] = []

    def send(mine: list[bytes]) -> None:
        with requests.Session() as session:
            answers.extend(
                session.post(receiver + STRIPE, body, headers=signed(body)).status_code for body in mine
            )

    senders = [threading.Thread(target=send, args=(bodies[first::8],)) for first in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert answers == [200] * 200
    assert sorted(row[-1] for row in inbox(database.engine)) == sorted(bodies)
