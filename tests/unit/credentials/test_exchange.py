"""What is made of a token endpoint's answer: how long a token lasts, and what its refusals are called."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conversion_sync.credentials.exchange import DEFAULT_LIFE, LONGEST_LIFE, Client, Refusal
from conversion_sync.credentials.store import Issued
from conversion_sync.platforms.http import Wire
from tests.unit.platforms.peer import peer, saying
from tests.unit.platforms.rows import facts

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
FACTS = facts("linkedin")
LONG = timedelta(seconds=LONGEST_LIFE)


def asked(status: int, told: dict[str, Any], *, renewing: bool = True) -> Issued | Refusal:
    """What is made of an answer to a renewal, or to a code."""
    with peer(saying(status, json.dumps(told).encode())) as vendor:
        assert FACTS.oauth is not None
        oauth = FACTS.oauth.model_copy(update={"token_url": vendor.url, "refresh_url": vendor.url})
        client = Client(
            oauth=oauth, facts=FACTS, client_id="id", client_secret="", place=("linkedin", "main")
        )
        wire = Wire()
        if renewing:
            answer = client.refresh("refresh", wire, NOW)
        else:
            answer = client.redeem("code", "http://localhost/", "", wire, NOW)
        wire.close()
    return answer


@pytest.mark.parametrize(
    ("told", "life"),
    [
        (3600, timedelta(hours=1)),
        ("3600", timedelta(hours=1)),
        (3600.0, timedelta(hours=1)),
        ("3600.0", timedelta(hours=1)),
        (3600.9, timedelta(hours=1)),
        (10**400, DEFAULT_LIFE),
        (1e300, LONG),
        ("inf", LONG),
        ("nan", DEFAULT_LIFE),
        ("soon", DEFAULT_LIFE),
        (0, DEFAULT_LIFE),
        (-5, DEFAULT_LIFE),
        (True, DEFAULT_LIFE),
        ([], DEFAULT_LIFE),
    ],
    ids=str,
)
def test_a_life_is_read_however_it_is_told_and_short_where_it_is_none(told: object, life: timedelta) -> None:
    answer = asked(200, {"access_token": "token", "expires_in": told})
    assert isinstance(answer, Issued)
    assert answer.access_life == life


def test_a_token_that_cannot_be_renewed_lasts_until_the_platform_refuses_it() -> None:
    answer = asked(200, {"access_token": "token", "expires_in": "soon"}, renewing=False)
    assert isinstance(answer, Issued)
    assert FACTS.oauth is not None
    assert FACTS.oauth.access_minutes is not None
    assert answer.access_life == timedelta(minutes=FACTS.oauth.access_minutes)


@pytest.mark.parametrize(
    ("named", "code"),
    [
        ("invalid_grant", "oauth_invalid_grant"),
        ("access.denied-2", "oauth_access.denied-2"),
        ("somebody@shop.example", "oauth_error"),
        ("Bearer abcdef", "oauth_error"),
        ("EAA" + "B" * 30, "oauth_error"),
        ("a" * 41, "oauth_error"),
        ("invalid_grant\n", "oauth_error"),
        ("", "oauth_error"),
    ],
)
def test_only_what_is_an_errors_name_becomes_a_code(named: str, code: str) -> None:
    answer = asked(400, {"error": named})
    assert isinstance(answer, Refusal)
    assert answer.result.code == code
