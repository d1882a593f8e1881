"""Who the customer is, in each platform's words: exactly what the account asks for, under the right rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from conversion_sync.model.conversion import Outbound
from conversion_sync.model.identifier import CLEAR_RULES, Rule
from conversion_sync.platforms.catalogue import identifiers_of
from conversion_sync.platforms.linkedin.encode import element
from conversion_sync.platforms.meta.encode import event as meta_event
from conversion_sync.platforms.microsoft_ads.encode import conversion
from conversion_sync.platforms.registry import kinds
from conversion_sync.platforms.tiktok.encode import event as tiktok_event
from tests.unit.platforms.rows import facts, row

KNOWN = {rule.value: f"<{rule.value}>" for rule in Rule if rule is not Rule.IP_HASHED}
"""Every value is named after its rule, so that one under a wrong rule shows."""
TARGET = {"event_name": "Lead", "event": "Lead", "conversion_rule_id": "900001", "conversion_name": "Lead"}

Encode = Callable[[Outbound, Mapping[str, str]], Mapping[str, Any]]
CLICKS = {"meta": "fbclid", "tiktok": "ttclid", "linkedin": "li_fat_id", "microsoft_ads": "msclkid"}
ENCODE: Mapping[str, Encode] = {
    "meta": lambda sent, fields: meta_event(sent, fields)["user_data"],
    "tiktok": lambda sent, fields: tiktok_event(sent, fields)["user"],
    "linkedin": lambda sent, fields: element(sent, fields)["user"],
    "microsoft_ads": conversion,
}
LINKEDIN_CLICK = {"idType": "LINKEDIN_FIRST_PARTY_ADS_TRACKING_UUID", "idValue": "click"}
TOLD: Mapping[str, Mapping[str, Any]] = {
    "meta": {
        "em": ["<email_plain>"],
        "ph": ["<phone_digits>"],
        "fn": ["<first_name_bare>"],
        "ln": ["<last_name_bare>"],
        "ct": ["<city_bare>"],
        "st": ["<state_bare>"],
        "zp": ["<zip_meta>"],
        "country": ["<country_hashed>"],
        "external_id": ["<external_id_hashed>"],
    },
    "tiktok": {
        "email": "<email_plain>",
        "phone": "<phone_e164>",
        "first_name": "<first_name_plain>",
        "last_name": "<last_name_plain>",
        "city": "<city_clear>",
        "state": "<state_clear>",
        "zip_code": "<zip_bare>",
        "country": "<country_clear>",
        "external_id": "<external_id_hashed>",
    },
    "linkedin": {
        "userIds": [LINKEDIN_CLICK, {"idType": "SHA256_EMAIL", "idValue": "<email_plain>"}],
        "externalIds": ["<external_id_clear>"],
    },
    "microsoft_ads": {"HashedEmailAddress": "<email_canonical>", "HashedPhoneNumber": "<phone_e164>"},
}


def told(platform: str, asked: tuple[str, ...], known: Mapping[str, str]) -> Mapping[str, Any]:
    """What a row says beyond one of nobody known, for an account that asks for these identifiers."""
    fields = facts(platform, identifiers=asked).identifiers
    plain = row(target=TARGET, click_id_kind=CLICKS[platform], click_id="click")
    person = row(target=TARGET, click_id_kind=CLICKS[platform], click_id="click", identifiers=known)
    encode = ENCODE[platform]
    before, after = encode(plain, fields), encode(person, fields)
    return {name: value for name, value in after.items() if before.get(name) != value}


def everything(platform: str) -> tuple[str, ...]:
    return tuple(identifier.value for identifier in identifiers_of(platform))


@pytest.mark.parametrize(("platform", "expected"), TOLD.items())
def test_an_account_that_asks_for_everything_is_told_it_under_the_platforms_rules(
    platform: str, expected: Mapping[str, Any]
) -> None:
    assert told(platform, everything(platform), KNOWN) == expected


@pytest.mark.parametrize("platform", TOLD)
def test_an_account_that_asks_for_nothing_is_told_nothing(platform: str) -> None:
    assert told(platform, (), KNOWN) == {}


@pytest.mark.parametrize("platform", TOLD)
def test_of_nobody_known_nothing_is_told(platform: str) -> None:
    assert told(platform, everything(platform), {}) == {}


@pytest.mark.parametrize("platform", TOLD)
def test_an_account_is_told_the_email_alone_where_it_asks_for_no_more(platform: str) -> None:
    whole, email = TOLD[platform], told(platform, ("email",), KNOWN)
    assert len(email) == 1
    assert email.items() <= whole.items()


CLEAR = {
    "tiktok": {"city_clear", "state_clear", "country_clear"},
    "linkedin": {"external_id_clear"},
    "google_ads": {"zip_clear", "region_clear"},
}


@pytest.mark.parametrize("platform", sorted(kinds()))
def test_nothing_leaves_in_the_clear_but_where_the_platform_wants_it_so(platform: str) -> None:
    rules = set(facts(platform, identifiers=everything(platform)).rules)
    assert rules & CLEAR_RULES == CLEAR.get(platform, set())
