from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from conversion_sync.sandbox import linkedin
from conversion_sync.sandbox.linkedin import active_versions
from conversion_sync.sandbox.vendors import Vendors

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MS = int((NOW - timedelta(hours=1)).timestamp()) * 1000 + 250
CLICK = {
    "idType": "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID",
    "idValue": "11111111-2222-3333-4444-555555555555",
}


def _event(**changes: Any) -> dict[str, Any]:
    event = {
        "conversion": "urn:lla:llaPartnerConversion:900001",
        "conversionHappenedAt": MS,
        "conversionValue": {"currencyCode": "EUR", "amount": "19.90"},
        "eventId": "cs_1",
        "user": {"userIds": [CLICK]},
    }
    return {name: value for name, value in (event | changes).items() if value is not None}


@pytest.fixture
def url(vendors: Vendors, serve: Callable[..., str]) -> str:
    return serve(linkedin.app(vendors))


@pytest.fixture
def refresh(url: str, vendors: Vendors) -> Callable[..., requests.Response]:
    known = vendors.credentials

    def post(**changes: str) -> requests.Response:
        form = {
            "grant_type": "refresh_token",
            "refresh_token": known.linkedin_refresh_token,
            "client_id": known.linkedin_client_id,
            "client_secret": known.linkedin_client_secret,
        }
        return requests.post(f"{url}/oauth/v2/accessToken", data=form | changes, timeout=60)

    return post


@pytest.fixture
def headers(refresh: Callable[..., requests.Response]) -> dict[str, str]:
    return {
        "Authorization": f"Bearer {refresh().json()['access_token']}",
        "LinkedIn-Version": "202609",
        "X-Restli-Protocol-Version": "2.0.0",
    }


@pytest.fixture
def send(url: str, headers: dict[str, str]) -> Callable[..., requests.Response]:
    def post(*events: Any, **changes: str | None) -> requests.Response:
        sent = headers | {"X-RestLi-Method": "BATCH_CREATE"}
        sent |= {name.replace("_", "-"): value for name, value in changes.items() if value is not None}
        for name in (name.replace("_", "-") for name, value in changes.items() if value is None):
            sent.pop(name)
        return requests.post(
            f"{url}/rest/conversionEvents", json={"elements": list(events)}, headers=sent, timeout=60
        )

    return post


def test_a_batch_answers_201_for_each_element(send: Any, vendors: Vendors) -> None:
    answer = send(_event(), _event(eventId="cs_2"))
    assert (answer.status_code, answer.json()) == (200, {"elements": [{"status": 201}, {"status": 201}]})
    first, _ = vendors.books.dump()
    assert (first["platform"], first["account"], first["action"]) == ("linkedin", "linkedin", "900001")
    assert (first["click_kind"], first["click_id"], first["matched"]) == (
        "li_fat_id",
        CLICK["idValue"],
        True,
    )
    assert (first["total"], first["currency"]) == ("19.90", "EUR")
    assert first["occurred_at"] == "2026-11-20T11:00:00.250000+00:00"


def test_a_single_event_answers_201_without_a_body(url: str, headers: dict[str, str]) -> None:
    answer = requests.post(f"{url}/rest/conversionEvents", json=_event(), headers=headers, timeout=60)
    assert (answer.status_code, answer.content) == (201, b"")
    assert answer.headers["content-length"] == "0"


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        (
            {"conversionValue": {"currencyCode": "EUR", "amount": 19.9}},
            "ERROR :: /conversionValue/amount :: 19.9 cannot be coerced to String\n",
        ),
        ({"foo": 1}, "ERROR :: /foo :: unrecognized field found but not allowed\n"),
        (
            {"conversionHappenedAt": None},
            "ERROR :: /conversionHappenedAt :: field is required but not found and has no default value\n",
        ),
        (
            {"conversion": "urn:li:conversion:900001"},
            "ERROR :: /conversion :: Invalid Urn format. Invalid prefix.\n",
        ),
        (
            {"user": {"userIds": [{"idType": "AXCIOM_ID", "idValue": "7"}]}},
            'ERROR :: /user/userIds/0/idType :: "AXCIOM_ID" is not an enum symbol\n',
        ),
        (
            {"user": {"userIds": [{"idType": "SHA256_EMAIL", "idValue": "jane@example.com"}]}},
            "ERROR :: /user/userIds/0/idValue :: not a SHA-256 hash\n",
        ),
        (
            {"user": {"userIds": []}},
            "ERROR :: /user/userIds :: must not be empty without userInfo\n",
        ),
        (
            {"user": {"userIds": [CLICK], "userInfo": {"firstName": "A"}}},
            "ERROR :: /user/userInfo/lastName :: field is required but not found and has no default value\n",
        ),
        (
            {"eventId": 7, "foo": 1},
            (
                "ERROR :: /foo :: unrecognized field found but not allowed\n"
                "ERROR :: /eventId :: 7 cannot be coerced to String\n"
            ),
        ),
    ],
)
def test_schema_faults_refuse_the_batch_with_422(
    send: Any, vendors: Vendors, changes: dict[str, Any], lines: str
) -> None:
    answer = send(_event(), _event(**changes))
    assert (answer.status_code, answer.json()) == (422, {"message": f"Index: 1, {lines}", "status": 422})
    assert vendors.books.dump() == []


def test_faults_of_several_elements_come_in_one_text(send: Any) -> None:
    text = send(_event(foo=1), _event(), _event(bar=1)).json()["message"]
    assert text == (
        "Index: 0, ERROR :: /foo :: unrecognized field found but not allowed\n"
        "Index: 2, ERROR :: /bar :: unrecognized field found but not allowed\n"
    )


def test_old_and_future_times_are_named_by_index(send: Any, vendors: Vendors) -> None:
    future = int((NOW + timedelta(seconds=1)).timestamp()) * 1000
    old = int((NOW - timedelta(days=90, seconds=1)).timestamp()) * 1000
    answer = send(_event(), _event(conversionHappenedAt=old), _event(conversionHappenedAt=future))
    assert (answer.status_code, answer.json()) == (
        400,
        {
            "message": "Conversion time should be within 90 days and not exceed current time, "
            "indices [1, 2] (0-indexed).",
            "status": 400,
        },
    )
    assert vendors.books.dump() == []


def test_an_unknown_rule_looks_like_a_missing_account(send: Any) -> None:
    answer = send(_event(conversion="urn:lla:llaPartnerConversion:1"))
    assert (answer.status_code, answer.json()) == (
        403,
        {"message": "No ad accounts found", "status": 403},
    )


def test_a_rule_of_the_insight_tag_takes_no_conversions(
    send: Any, vendors: Vendors, url: str, headers: dict[str, str]
) -> None:
    tag = "urn:lla:llaPartnerConversion:900099"
    answer = send(_event(), _event(conversion=tag), _event(conversion=tag))
    text = "Incorrect conversions information provided. Conversion's method should be CONVERSIONS_API"
    assert (answer.status_code, answer.json()["message"]) == (400, f"{text}, indices [1, 2] (0-indexed)")
    assert vendors.books.dump() == []
    rule = requests.get(f"{url}/rest/conversions/900099", headers=headers, timeout=60)
    assert rule.json()["conversionMethod"] == "INSIGHT_TAG"


@pytest.mark.parametrize(
    "user",
    [
        {"userIds": [{"idType": "SHA256_EMAIL", "idValue": hashlib.sha256(b"").hexdigest()}]},
        {"userIds": [{"idType": "SHA256_EMAIL", "idValue": "jane@example.com"}]},
        {"userIds": [{"idType": "SHA256_EMAIL", "idValue": hashlib.sha256(b"a").hexdigest().upper()}]},
        {"userIds": [CLICK], "externalIds": ["jane@example.com"]},
    ],
)
def test_what_tells_a_person_apart_comes_hashed_or_not_at_all(
    send: Any, vendors: Vendors, user: dict[str, Any]
) -> None:
    assert send(_event(user=user)).status_code == 422
    assert vendors.books.dump() == []


def test_any_currency_and_any_address_is_accepted(send: Any) -> None:
    address = {"idType": "PLAINTEXT_IP_ADDRESS", "idValue": "not an address"}
    event = _event(conversionValue={"currencyCode": "XXQ", "amount": "1"}, user={"userIds": [CLICK, address]})
    assert send(event).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"LinkedIn_Version": None}, 400, "VERSION_MISSING"),
        ({"LinkedIn_Version": "202510"}, 426, "NONEXISTENT_VERSION"),
        ({"LinkedIn_Version": "202612"}, 426, "NONEXISTENT_VERSION"),
        ({"Authorization": "Bearer wrong"}, 401, "INVALID_ACCESS_TOKEN"),
        ({"Authorization": None}, 401, "INVALID_ACCESS_TOKEN"),
    ],
)
def test_the_gateway_checks_version_and_token(
    send: Any, changes: dict[str, str | None], status: int, code: str
) -> None:
    answer = send(_event(), **changes)
    assert (answer.status_code, answer.json()["status"], answer.json()["code"]) == (status, status, code)
    assert ("X-Restli-Gateway-Error" in answer.headers) is (code == "VERSION_MISSING")


@pytest.mark.parametrize(
    ("at", "oldest", "newest"),
    [
        (datetime(2026, 11, 14, tzinfo=UTC), "202511", "202611"),
        (datetime(2026, 11, 15, tzinfo=UTC), "202512", "202611"),
        (datetime(2027, 9, 15, tzinfo=UTC), "202610", "202709"),
    ],
)
def test_versions_live_a_year(at: datetime, oldest: str, newest: str) -> None:
    versions = active_versions(at)
    assert (versions[0], versions[-1]) == (oldest, newest)


def test_copies_with_one_event_id_both_count(send: Any, vendors: Vendors) -> None:
    assert [send(_event()).status_code, send(_event()).status_code] == [200, 200]
    (entry,) = vendors.books.dump()
    assert (entry["times_received"], entry["counts"], entry["total"]) == (2, 2, "39.80")


def test_a_rule_can_be_looked_at(url: str, headers: dict[str, str]) -> None:
    rule = requests.get(f"{url}/rest/conversions/900002", headers=headers, timeout=60)
    assert rule.json() == {
        "id": 900002,
        "name": "renewal",
        "enabled": True,
        "conversionMethod": "CONVERSIONS_API",
    }
    assert requests.get(f"{url}/rest/conversions/1", headers=headers, timeout=60).status_code == 404


def test_refreshing_never_prolongs_the_refresh_token(refresh: Any, vendors: Vendors) -> None:
    first = refresh().json()
    assert (first["expires_in"], first["refresh_token_expires_in"]) == (60 * 86400, 365 * 86400)
    vendors.clock.shift(timedelta(days=340))
    later = refresh().json()
    assert (later["expires_in"], later["refresh_token_expires_in"]) == (25 * 86400, 25 * 86400)
    vendors.clock.shift(timedelta(days=25))
    assert (refresh().status_code, refresh().json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"refresh_token": "wrong"}, 400, "invalid_grant"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "invalid_request"),
    ],
)
def test_a_wrong_refresh_is_refused(refresh: Any, changes: dict[str, str], status: int, error: str) -> None:
    answer = refresh(**changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_an_expired_access_token_is_refused(send: Any, vendors: Vendors) -> None:
    vendors.clock.shift(timedelta(days=60))
    answer = send(_event(), LinkedIn_Version="202611")
    assert (answer.status_code, answer.json()["serviceErrorCode"]) == (401, 65602)
