"""Meta's SDK as an oracle: the same events, the same hashes where it is right, and never its global API."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conversion_sync.model.conversion import ConversionId, ConversionKind, Outbound, Verb
from conversion_sync.model.identifier import Rule
from conversion_sync.model.money import Money
from conversion_sync.platforms.identifiers import normalised, value_of
from conversion_sync.platforms.meta.encode import event, invalid
from conversion_sync.platforms.meta.sdk import Ready
from tests.contract.platforms.cases import CASES
from tests.contract.platforms.meta_sdk import FIELDS, typed
from tests.contract.platforms.running import Opened, Sandbox, assert_taken, row, send
from tests.unit.platforms.peer import peer, saying
from tests.unit.platforms.rows import facts

META = next(case for case in CASES if case.platform == "meta")
FACTS = facts("meta")
SHA_256 = st.text("0123456789abcdef", min_size=64, max_size=64)
TIMES = st.datetimes(datetime(2002, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
WORDS = st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=40)
ROWS = st.builds(
    Outbound,
    conversion_id=st.just(ConversionId("0" * 32)),
    vendor_id=st.from_regex(r"cs_[0-9a-f]{32}", fullmatch=True),
    kind=st.just(ConversionKind.CONVERSION),
    verb=st.just(Verb.SEND),
    event_kind=st.just("first_payment"),
    action=st.just("purchase"),
    target=st.fixed_dictionaries(
        {"event_name": WORDS, "action_source": st.sampled_from(["website", "system_generated", "email"])}
    ),
    value=st.none()
    | st.builds(Money, st.integers(1, 10**14), st.sampled_from(["USD", "JPY", "KWD"]), st.integers(0, 3)),
    occurred_at=TIMES,
    click_id_kind=st.just("fbclid"),
    click_id=st.from_regex(r"IwAR[A-Za-z0-9_-]{57}", fullmatch=True),
    clicked_at=TIMES,
    landing_url=st.builds(
        "https://shop.example/{}?q=1".format, st.from_regex(r"[a-z/]{0,20}", fullmatch=True)
    ),
    user_agent=st.none() | WORDS,
    ip_address=st.none() | st.ip_addresses().map(str),
    identifiers=st.dictionaries(st.sampled_from(sorted(FIELDS.values())), SHA_256),
    click_ids=st.just({}),
    ad_user_data=st.sampled_from(["granted", "denied", "unknown"]),
    ad_personalization=st.sampled_from(["granted", "denied", "unknown"]),
    adjusted_at=st.none(),
    original_at=st.none(),
)


@given(ROWS)
def test_the_sdks_own_objects_say_the_same_to_the_byte(sent: Outbound) -> None:
    assert invalid(FACTS, sent) is None
    wire = event(sent, FIELDS)
    assert in_order(Ready(wire).normalize()) == in_order(typed(wire).normalize())


def in_order(wire: Mapping[str, Any]) -> str:
    return json.dumps(wire, sort_keys=True, allow_nan=False)


RIGHT: list[tuple[str, Rule, str, str | None]] = [
    ("em", Rule.EMAIL_PLAIN, " John_Smith@Gmail.com ", None),
    ("em", Rule.EMAIL_PLAIN, "jane.doe+ads@example.com", None),
    ("ph", Rule.PHONE_DIGITS, "+1 (650) 555-1212", None),
    ("ph", Rule.PHONE_DIGITS, "0044 7911 123456", None),
    ("fn", Rule.FIRST_NAME_BARE, " Mary ", None),
    ("fn", Rule.FIRST_NAME_BARE, "Valéry", None),
    ("fn", Rule.FIRST_NAME_BARE, "정", None),
    ("ct", Rule.CITY_BARE, "New York", None),
    ("st", Rule.STATE_BARE, "CA", "US"),
    ("zp", Rule.ZIP_META, "94035-1234", "US"),
    ("zp", Rule.ZIP_META, "M1 1AE", "GB"),
    ("country", Rule.COUNTRY_HASHED, "US", None),
]


@pytest.mark.parametrize(("field", "rule", "text", "country"), RIGHT)
def test_where_the_sdk_normalises_rightly_the_hashes_are_the_same(
    field: str, rule: Rule, text: str, country: str | None
) -> None:
    assert value_of(rule, text, country) == sdk_hash(field, text)


def sdk_hash(field: str, text: str) -> str:
    from facebook_business.adobjects.serverside.normalize import Normalize

    hashed: str = Normalize.normalize_field(field, text)
    return hashed


DIFFERENT: list[tuple[str, Rule, str, str | None, str | None, str | None]] = [
    # field, our rule, text, country, what we make of it, what the SDK does (None: raises)
    ("ph", Rule.PHONE_DIGITS, "+44 (0)7911 123456", None, "447911123456", "4407911123456"),
    ("ph", Rule.PHONE_DIGITS, "07911123456", "GB", "447911123456", "7911123456"),
    ("ph", Rule.PHONE_DIGITS, "6505551212", "US", "16505551212", "6505551212"),
    ("ph", Rule.PHONE_DIGITS, "510.555.0011", "US", "15105550011", None),
    ("ph", Rule.PHONE_DIGITS, "+1 510 555 0011 x12", None, "15105550011", None),
    ("ph", Rule.PHONE_DIGITS, "+٤٤ ٧٩١١ ١٢٣٤٥٦", None, "447911123456", "٤٤٧٩١١١٢٣٤٥٦"),
    ("em", Rule.EMAIL_PLAIN, "jane doe@example.com", None, None, "jane doe@example.com"),
    ("zp", Rule.ZIP_META, "00-950", "PL", "00950", "00"),
    ("zp", Rule.ZIP_META, "100-0001", "JP", "1000001", "100"),
    ("ln", Rule.LAST_NAME_BARE, "O'Brien", None, "obrien", "o'brien"),
    ("fn", Rule.FIRST_NAME_BARE, "Jo-Ann", None, "joann", "jo-ann"),
    ("fn", Rule.FIRST_NAME_BARE, "Anna  Maria", None, "anna maria", "anna  maria"),
    ("st", Rule.STATE_BARE, "California", "US", "ca", "california"),
    ("country", Rule.COUNTRY_HASHED, "uk", None, "gb", None),
    ("country", Rule.COUNTRY_HASHED, "USA", None, "us", None),
    ("country", Rule.COUNTRY_HASHED, "XK", None, "xk", None),
    ("fn", Rule.FIRST_NAME_BARE, "İpek", None, "ipek", "i\u0307pek"),
]


@pytest.mark.parametrize(("field", "rule", "text", "country", "ours", "theirs"), DIFFERENT)
def test_where_the_sdk_normalises_wrongly_ours_differs_on_purpose(
    field: str, rule: Rule, text: str, country: str | None, ours: str | None, theirs: str | None
) -> None:
    assert normalised(rule, text, country) == ours
    if theirs is None:
        with pytest.raises((TypeError, ValueError)):
            sdk_hash(field, text)
    else:
        assert sdk_hash(field, text) == hashlib.sha256(theirs.encode()).hexdigest()


@pytest.mark.parametrize("looks_hashed", ["0" * 32, "a" * 64])
def test_the_sdk_takes_what_looks_like_a_hash_for_one_and_we_do_not(looks_hashed: str) -> None:
    assert sdk_hash("fn", looks_hashed) == looks_hashed
    assert value_of(Rule.FIRST_NAME_BARE, looks_hashed) == hashlib.sha256(looks_hashed.encode()).hexdigest()


def test_the_sdks_global_api_is_never_made(
    sandbox: Sandbox, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    from facebook_business.api import FacebookAdsApi

    def never(*_: object, **__: object) -> None:
        raise AssertionError("the SDK's global API was touched")

    for name in ("init", "set_default_api", "get_default_api", "set_default_account_id"):
        monkeypatch.setattr(FacebookAdsApi, name, never)
    platform = opened(META)
    assert_taken(platform, send(platform, row(sandbox, META)))
    assert platform.preflight({"purchase": META.target}).findings == ()


def test_a_request_carries_token_and_proof_where_they_belong(sandbox: Sandbox, opened: Opened) -> None:
    with peer(saying(200, b'{"events_received":1,"messages":[]}')) as vendor:
        platform = opened(META, base_url=vendor.url, test_event_code="TEST1")
        send(platform, row(sandbox, META, identifiers={"email_plain": "a" * 64}))
    [request] = vendor.requests
    head, _, body = request.partition(b"\r\n\r\n")
    account = META.account(sandbox.endpoints)
    token, secret = account["access_token"], account["app_secret"]
    path, *headers = head.decode().split("\r\n")
    assert path.split()[1] == f"/{platform.catalogue.api_version}/{account['dataset_id']}/events"
    assert f"Authorization: Bearer {token}" in headers
    assert token.encode() not in body
    sent = json.loads(body)
    assert {name: sent[name] for name in sent if name != "data"} == {
        "test_event_code": "TEST1",
        "appsecret_proof": hmac.new(secret.encode(), token.encode(), hashlib.sha256).hexdigest(),
    }
    assert len(sent["data"]) == 1
    assert "em" not in sent["data"][0]["user_data"]


def test_without_an_app_secret_nothing_stands_beside_the_events(sandbox: Sandbox, opened: Opened) -> None:
    with peer(saying(200, b'{"events_received":1,"messages":[]}')) as vendor:
        platform = opened(META, base_url=vendor.url, app_secret=None, identifiers=["email"])
        send(platform, row(sandbox, META, identifiers={"email_plain": "a" * 64, "phone_digits": "b" * 64}))
    sent = json.loads(vendor.requests[0].partition(b"\r\n\r\n")[2])
    assert sent.keys() == {"data"}
    user = sent["data"][0]["user_data"]
    assert {name: user[name] for name in FIELDS if name in user} == {"em": ["a" * 64]}
