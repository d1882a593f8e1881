"""No secret and nothing that tells a person apart leaves an adapter but in the request itself.

Vendors echo whole requests in their errors, libraries put them into exceptions and logs: each of these
ways is walked with values that occur nowhere else.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from conversion_sync.model.conversion import Outbound, Outcome
from conversion_sync.model.identifier import CLEAR_RULES, Rule
from conversion_sync.platforms import http
from conversion_sync.platforms.platform import Platform, SendResult
from conversion_sync.platforms.registry import TokensOf, adapter_of, kinds
from tests.unit.platforms.peer import Peer, closing, peer, read, refusing
from tests.unit.platforms.rows import row

SECRET, OTHER_SECRET, THIRD_SECRET = "canarysecret01", "canarysecret02", "canarysecret03"
FETCHED = "canaryfetched04"
CLICK = "canaryclick05-AbC_d"
IP, AGENT = "2001:db8::ca1a:7206", "CanaryAgent/07 (X11)"
PAGE = "https://canarylogin08:pw@shop.example/thanks?email=canarymail09@example.com#canaryname10"
HASH, IN_CLEAR = "ca11" * 16, "canaryclear12"
CANARIES = (
    *(SECRET, OTHER_SECRET, THIRD_SECRET, FETCHED, CLICK, IP, AGENT, HASH, IN_CLEAR),
    *("canarylogin08", "canarymail09", "canaryname10"),
)

Case = tuple[str, dict[str, Any], dict[str, str], str]
"""The platform, the account's secrets, the action's target, and the kind of its clicks."""

CASES: Mapping[str, Case] = {
    "meta": (
        "meta",
        {"dataset_id": "880000000000001", "access_token": SECRET, "app_secret": OTHER_SECRET},
        {"event_name": "Purchase", "action_source": "website"},
        "fbclid",
    ),
    "tiktok": (
        "tiktok",
        {"pixel_code": "SANDBOXPIXEL01", "access_token": SECRET},
        {"event": "Purchase"},
        "ttclid",
    ),
    "reddit": (
        "reddit",
        {"pixel_id": "a2_sandboxpixel", "access_token": SECRET},
        {"tracking_type": "PURCHASE"},
        "rdt_cid",
    ),
    "linkedin": ("linkedin", {"access_token": SECRET}, {"conversion_rule_id": "900001"}, "li_fat_id"),
    "linkedin by refresh token": (
        "linkedin",
        {"client_id": SECRET, "client_secret": OTHER_SECRET, "refresh_token": THIRD_SECRET},
        {"conversion_rule_id": "900001"},
        "li_fat_id",
    ),
    "microsoft_ads": (
        "microsoft_ads",
        {
            "customer_id": "250000001",
            "customer_account_id": "180000001",
            "access_token": SECRET,
            "developer_token": OTHER_SECRET,
            "client_secret": THIRD_SECRET,
        },
        {"conversion_name": "Offline purchase"},
        "msclkid",
    ),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "READ_SECONDS", 0.2)


@pytest.fixture
def opened(case: Case, tokens: TokensOf) -> Iterator[Callable[[str], Platform]]:
    """Makes the case's adapter for a vendor at an address."""
    name, account, _, _ = case
    made: list[Platform] = []

    def open_at(url: str, **changes: str) -> Platform:
        addresses = {"base_url": url} | ({"token_uri": f"{url}/token"} if name == "linkedin" else {})
        told = {"identifiers": kinds()[name].account.takes}
        settings = kinds()[name].account(**(account | addresses | told | changes))
        made.append(adapter_of(name, "main", settings, tokens))
        return made[-1]

    yield open_at
    for platform in made:
        platform.close()


def purchase(case: Case) -> Outbound:
    _, _, target, kind = case
    return row(
        target=target,
        click_id_kind=kind,
        click_id=CLICK,
        click_ids={kind: CLICK},
        landing_url=PAGE,
        ip_address=IP,
        user_agent=AGENT,
        identifiers={rule.value: IN_CLEAR if rule in CLEAR_RULES else HASH for rule in Rule},
    )


def telling(request: str) -> str:
    """The request with what must not be told at its front: long texts are cut at their end."""
    head, _, body = request.partition("\r\n\r\n")
    tokens = [line for line in head.split("\r\n") if SECRET in line or FETCHED in line]
    return f"{' '.join(tokens)} {body}"


def echoing(status: int, shape: Callable[[str], object]) -> Callable[[socket.socket, Peer], None]:
    """Gives a token to who asks for one, and everything else back to who sent it."""

    def manner(connection: socket.socket, other: Peer) -> None:
        request = read(connection, other)
        if request.startswith(b"POST /token"):
            code, answer = 200, json.dumps({"access_token": FETCHED}).encode()
        else:
            shaped = shape(telling(request.decode()))
            code, answer = status, (shaped if isinstance(shaped, str) else json.dumps(shaped)).encode()
        head = f"HTTP/1.1 {code} Said\r\nContent-Length: {len(answer)}\r\n\r\n"
        connection.sendall(head.encode() + answer)

    return manner


def as_error(echo: str) -> dict[str, Any]:
    """One body that is an error in the shape of every platform at once."""
    error = {"code": 100, "message": echo, "error_user_msg": echo, "fbtrace_id": echo}
    faults = [{"Code": 5604, "ErrorCode": echo, "Message": echo, "Details": echo}]
    answer = {"code": 40002, "message": f"Index: 0, data.0 {echo}", "request_id": echo, "error": error}
    return answer | {"TrackingId": echo, "Errors": faults}


def as_elements(echo: str) -> dict[str, Any]:
    faults = [{"Index": 0, "Code": 5604, "Message": echo, "FieldPath": echo}]
    elements = [{"status": 422, "message": echo}]
    return {"elements": elements, "code": 40002, "message": echo, "PartialErrors": faults}


ECHOES = [
    (400, as_error),
    (401, as_error),
    (422, as_error),
    (500, as_error),
    (200, as_error),
    (200, as_elements),
    (200, str),
    (400, str),
    (302, str),
    (502, str),
]


def parts(platform: Platform) -> list[object]:
    """What the adapter is made of, as a debugger or an error report would show it."""
    return [part for part in vars(platform).values() if not isinstance(part, str)]


def assert_silent(text: str) -> None:
    assert [canary for canary in CANARIES if canary in text] == []


@pytest.mark.parametrize(("status", "shape"), ECHOES)
def test_a_vendor_that_echoes_the_request_tells_nothing(
    case: Case,
    opened: Callable[[str], Platform],
    caplog: pytest.LogCaptureFixture,
    status: int,
    shape: Callable[[str], object],
) -> None:
    caplog.set_level(logging.DEBUG)
    batch = [purchase(case)]
    with peer(echoing(status, shape)) as vendor:
        platform = opened(vendor.url)
        answer = platform.send(batch, validate_only=False)
    assert CLICK in vendor.requests[-1].decode()
    assert answer.outcome is not Outcome.DELIVERED or answer.rows
    assert_silent(f"{caplog.text} {answer!r} {platform!r} {parts(platform)!r} {batch!r}")


@pytest.mark.parametrize("manner", [closing, None], ids=["cut", "refused"])
def test_a_connection_that_breaks_tells_nothing(
    case: Case, opened: Callable[[str], Platform], caplog: pytest.LogCaptureFixture, manner: Any
) -> None:
    caplog.set_level(logging.DEBUG)
    if manner is None:
        with refusing() as url:
            answer = opened(url).send([purchase(case)], validate_only=False)
    else:
        with peer(manner) as vendor:
            answer = opened(vendor.url).send([purchase(case)], validate_only=False)
    assert answer.outcome in {Outcome.AMBIGUOUS, Outcome.RETRY_LATER}
    assert answer.text
    assert_silent(f"{caplog.text} {answer!r}")


@pytest.mark.parametrize("flaw", ["\n", "\r\nX-Other: 1", "\u201d"])
def test_a_token_no_header_can_hold_is_not_shown_but_held(
    opened: Callable[..., Platform], case: Case, caplog: pytest.LogCaptureFixture, flaw: str
) -> None:
    caplog.set_level(logging.DEBUG)
    with peer(closing) as vendor:
        answer = opened(vendor.url, access_token=SECRET + flaw).send([purchase(case)], validate_only=False)
    assert vendor.requests == []
    assert (answer.outcome, answer.code, bool(answer.remedy)) == (Outcome.HOLD, "not_sendable", True)
    assert_silent(f"{caplog.text} {answer!r}")


def test_a_refused_refresh_tells_nothing(caplog: pytest.LogCaptureFixture, tokens: TokensOf) -> None:
    caplog.set_level(logging.DEBUG)

    def refuse(connection: socket.socket, other: Peer) -> None:
        body = json.dumps({"error": "invalid_grant", "error_description": read(connection, other).decode()})
        head = f"HTTP/1.1 400 Said\r\nContent-Length: {len(body.encode())}\r\n\r\n"
        connection.sendall(head.encode() + body.encode())

    case = CASES["linkedin by refresh token"]
    with peer(refuse) as vendor:
        account = kinds()["linkedin"].account(**case[1], base_url=vendor.url, token_uri=f"{vendor.url}/token")
        platform = adapter_of("linkedin", "main", account, tokens)
        answer: SendResult = platform.send([purchase(case)], validate_only=False)
        platform.close()
    assert THIRD_SECRET in vendor.requests[-1].decode()
    assert (answer.outcome, answer.code) == (Outcome.HOLD, "oauth_invalid_grant")
    assert_silent(f"{caplog.text} {answer!r} {parts(platform)!r} {account!r}")


EMPTY_HASH = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_no_identifier_is_sent_but_the_click_and_what_the_platform_takes_in_the_clear(
    case: Case, opened: Callable[[str], Platform]
) -> None:
    with peer(echoing(200, as_error)) as vendor:
        opened(vendor.url).send([purchase(case)], validate_only=False)
    _, _, body = vendor.requests[-1].decode().partition("\r\n\r\n")
    assert "@" not in body
    assert EMPTY_HASH not in body
    assert not any(canary in body for canary in (SECRET, "canarylogin08", "canarymail09", "canaryname10"))
    assert not any(secret in vendor.requests[-1].decode().split("\r\n")[0] for secret in CANARIES)
