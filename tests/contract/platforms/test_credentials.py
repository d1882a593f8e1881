"""Tokens and proofs that pass, expire, are revoked or are wrong, at the vendors that check them."""

from __future__ import annotations

from typing import Any

import pytest

from conversion_sync.model.conversion import Outcome
from conversion_sync.platforms.platform import Platform
from tests.contract.platforms.cases import CASES, Case
from tests.contract.platforms.running import Opened, Sandbox, assert_taken, counts, row, send

BY_PLATFORM = {case.platform: case for case in CASES if not case.route}
LINKEDIN, META = BY_PLATFORM["linkedin"], BY_PLATFORM["meta"]
REVOKED = {
    "status": 401,
    "serviceErrorCode": 65601,
    "code": "REVOKED_ACCESS_TOKEN",
    "message": "The token used in the request has been revoked by the user",
}


@pytest.fixture
def linkedin(opened: Opened) -> Platform:
    return opened(LINKEDIN)


def asked(sandbox: Sandbox) -> tuple[int, int]:
    """Requests for tokens and requests with conversions."""
    return sandbox.requests("linkedin_oauth"), sandbox.requests("linkedin")


def spent(sandbox: Sandbox, before: tuple[int, int]) -> tuple[int, int]:
    tokens, conversions = asked(sandbox)
    return tokens - before[0], conversions - before[1]


def test_a_token_is_fetched_once_for_many_requests(sandbox: Sandbox, linkedin: Platform) -> None:
    before = asked(sandbox)
    for _ in range(3):
        assert_taken(linkedin, send(linkedin, row(sandbox, LINKEDIN)))
    assert spent(sandbox, before) == (1, 3)


def test_a_refused_token_is_exchanged_once_and_the_same_rows_go_again(
    sandbox: Sandbox, linkedin: Platform
) -> None:
    sent = row(sandbox, LINKEDIN)
    before = asked(sandbox)
    sandbox.go_wrong("linkedin", status=401, body=REVOKED)
    assert_taken(linkedin, send(linkedin, sent))
    assert (spent(sandbox, before), counts(sandbox, sent)) == ((2, 2), [1])


def test_a_token_that_stays_refused_is_a_humans_to_mend(sandbox: Sandbox, linkedin: Platform) -> None:
    sent = row(sandbox, LINKEDIN)
    before = asked(sandbox)
    sandbox.go_wrong("linkedin", times=None, status=401, body=REVOKED)
    answer = send(linkedin, sent)
    assert (answer.outcome, answer.code) == (Outcome.HOLD, "http_401/REVOKED_ACCESS_TOKEN")
    assert (bool(answer.remedy), spent(sandbox, before), counts(sandbox, sent)) == (True, (2, 2), [0])


def test_a_configured_token_is_never_exchanged(sandbox: Sandbox, opened: Opened) -> None:
    before = asked(sandbox)
    answer = send(opened(LINKEDIN, access_token="a token of nobody"), row(sandbox, LINKEDIN))
    assert (answer.outcome, answer.code) == (Outcome.HOLD, "http_401/INVALID_ACCESS_TOKEN")
    assert spent(sandbox, before) == (0, 1)


TOKEN_FAULTS: list[tuple[dict[str, Any], Outcome, str]] = [
    ({"status": 400, "body": {"error": "invalid_grant"}}, Outcome.HOLD, "oauth_invalid_grant"),
    ({"status": 401, "body": {"error": "invalid_client"}}, Outcome.HOLD, "oauth_invalid_client"),
    ({"status": 503, "body": "<html>"}, Outcome.RETRY_LATER, "oauth_unavailable"),
    ({"status": 500, "body": {"error": "server_error"}}, Outcome.RETRY_LATER, "oauth_unavailable"),
    ({"status": 429, "body": {"error": "slow_down"}}, Outcome.RETRY_LATER, "oauth_unavailable"),
    ({"close_before_reply": True}, Outcome.RETRY_LATER, "oauth_unavailable"),
    ({"drop_reply": True}, Outcome.RETRY_LATER, "oauth_unavailable"),
    ({"status": 200, "body": "<html>Sign in</html>"}, Outcome.RETRY_LATER, "oauth_unavailable"),
    ({"status": 200, "body": {"access_token": None}}, Outcome.RETRY_LATER, "oauth_unavailable"),
    ({"status": 200, "body": {"access_token": ""}}, Outcome.RETRY_LATER, "oauth_unavailable"),
    ({"status": 200, "body": {"access_token": "two\nlines"}}, Outcome.HOLD, "not_sendable"),
]


@pytest.mark.parametrize(
    ("action", "outcome", "code"), TOKEN_FAULTS, ids=[str(a) for a, _, _ in TOKEN_FAULTS]
)
def test_without_a_token_nothing_is_sent(
    sandbox: Sandbox, linkedin: Platform, action: dict[str, Any], outcome: Outcome, code: str
) -> None:
    sent = row(sandbox, LINKEDIN)
    before = asked(sandbox)
    sandbox.go_wrong("linkedin_oauth", **action)
    answer = send(linkedin, sent)
    assert (answer.outcome, answer.code, bool(answer.remedy)) == (outcome, code, outcome is Outcome.HOLD)
    assert (spent(sandbox, before), counts(sandbox, sent)) == ((1, 0), [0])


def test_a_token_endpoint_that_comes_back_is_asked_again(sandbox: Sandbox, linkedin: Platform) -> None:
    sent = row(sandbox, LINKEDIN)
    sandbox.go_wrong("linkedin_oauth", status=503)
    assert send(linkedin, sent).outcome is Outcome.RETRY_LATER
    assert_taken(linkedin, send(linkedin, sent))


META_SECRETS: list[tuple[dict[str, Any], Outcome, str]] = [
    ({}, Outcome.DELIVERED, "ok"),
    ({"app_secret": None}, Outcome.DELIVERED, "ok"),
    ({"app_secret": "of another app"}, Outcome.BAD_BATCH, "100"),
    ({"dataset_id": "990000000000009"}, Outcome.HOLD, "100/33"),
]


@pytest.mark.parametrize(("changes", "outcome", "code"), META_SECRETS)
def test_meta_checks_the_proof_of_the_app_secret_and_the_dataset(
    sandbox: Sandbox, opened: Opened, changes: dict[str, Any], outcome: Outcome, code: str
) -> None:
    sent = row(sandbox, META)
    answer = send(opened(META, **changes), sent)
    assert (answer.outcome, answer.code) == (outcome, code)
    assert counts(sandbox, sent) == [int(outcome is Outcome.DELIVERED)]


MICROSOFT = BY_PLATFORM["microsoft_ads"]
MICROSOFT_SECRETS = [
    ({"access_token": "a token of nobody"}, "105"),
    ({"developer_token": "somebody's"}, "105"),
    ({"customer_id": "1"}, "106"),
    ({"customer_account_id": "1"}, "106"),
]


@pytest.mark.parametrize(("changes", "code"), MICROSOFT_SECRETS)
def test_microsoft_checks_every_header(
    sandbox: Sandbox, opened: Opened, changes: dict[str, str], code: str
) -> None:
    sent = row(sandbox, MICROSOFT)
    answer = send(opened(MICROSOFT, **changes), sent)
    assert (answer.outcome, answer.code, bool(answer.remedy)) == (Outcome.HOLD, code, True)
    assert not any(value in answer.text for value in changes.values() if len(value) > 1)
    assert counts(sandbox, sent) == [0]


MICROSOFT_EXPIRED = {
    "TrackingId": "2026-R1",
    "Type": "AdApiFaultDetail",
    "Errors": [{"Code": 109, "ErrorCode": "AuthenticationTokenExpired", "Message": "Over.", "Detail": None}],
}


def microsoft_by_refresh_token(sandbox: Sandbox, opened: Opened) -> Platform:
    known = sandbox.endpoints["credentials"]
    return opened(
        MICROSOFT,
        access_token=None,
        client_id=known["microsoft_client_id"],
        client_secret=known["microsoft_client_secret"],
        refresh_token=known["microsoft_refresh_token"],
        token_uri=sandbox.endpoints["microsoft_oauth"],
    )


@pytest.mark.parametrize(("times", "outcome", "booked"), [(1, Outcome.DELIVERED, 1), (None, Outcome.HOLD, 0)])
def test_microsofts_expired_token_is_exchanged_once(
    sandbox: Sandbox, opened: Opened, times: int | None, outcome: Outcome, booked: int
) -> None:
    platform = microsoft_by_refresh_token(sandbox, opened)
    assert_taken(platform, send(platform, row(sandbox, MICROSOFT)))
    before = sandbox.requests("microsoft_oauth"), sandbox.requests("microsoft")
    sandbox.go_wrong("microsoft", times=times, status=401, body=MICROSOFT_EXPIRED)
    sent = row(sandbox, MICROSOFT)
    answer = send(platform, sent)
    assert (answer.outcome, counts(sandbox, sent)) == (outcome, [booked])
    assert answer.code == ("ok" if booked else "109")
    assert (sandbox.requests("microsoft_oauth"), sandbox.requests("microsoft")) == (
        before[0] + 1,
        before[1] + 2,
    )


FOREIGN: list[tuple[str, dict[str, Any], dict[str, str], str]] = [
    ("tiktok", {"pixel_code": "PIXELOFANOTHER"}, {}, "40001"),
    ("linkedin", {}, {"conversion_rule_id": "999999"}, "http_403"),
]


@pytest.mark.parametrize(("name", "changes", "target", "code"), FOREIGN)
def test_an_object_of_another_account_holds_the_rows(
    sandbox: Sandbox, opened: Opened, name: str, changes: dict[str, Any], target: dict[str, str], code: str
) -> None:
    case: Case = BY_PLATFORM[name]
    sent = row(sandbox, case, target={**case.target, **target})
    answer = send(opened(case, **changes), sent)
    assert (answer.outcome, answer.code, bool(answer.remedy)) == (Outcome.HOLD, code, True)
    assert counts(sandbox, sent) == [0]


def test_a_rule_linkedin_has_no_account_for_is_among_those_told(sandbox: Sandbox, opened: Opened) -> None:
    unknown = {"conversion_rule_id": "999999"}
    sent = [row(sandbox, LINKEDIN), row(sandbox, LINKEDIN, target=unknown), row(sandbox, LINKEDIN)]
    answer = send(opened(LINKEDIN), *sent)
    assert (answer.outcome, counts(sandbox, *sent)) == (Outcome.HOLD, [0, 0, 0])
    assert "Rules sent: 900001, 999999;" in answer.remedy
