"""What an account says of itself before anything is sent: the credential gets in, the targets are right."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from conversion_sync.cli.checks import Line, platforms
from conversion_sync.config.settings import Settings
from conversion_sync.pipeline.configuration import settings_type
from conversion_sync.platforms.platform import Finding, Platform, Preflight
from conversion_sync.platforms.preflight import AGAIN, UNASKED
from conversion_sync.platforms.registry import TokensOf, adapter_of, kinds
from conversion_sync.platforms.tiktok.adapter import IN_ORDER
from conversion_sync.platforms.tokens import FixedToken
from tests.contract.platforms.cases import CASES, Case
from tests.contract.platforms.running import Opened, Sandbox

CANARY = "canary0123456789abcdef"
BY_PLATFORM = {case.platform: case for case in CASES if not case.route}
LINKEDIN, META = BY_PLATFORM["linkedin"], BY_PLATFORM["meta"]
MICROSOFT = BY_PLATFORM["microsoft_ads"]
TELLING = [pytest.param(case, id=case.id) for case in CASES if case.tells]
DOWN: dict[str, tuple[str, dict[str, Any]]] = {
    "meta": ("meta", {"status": 503, "body": "<html>Down for a moment</html>"}),
    "linkedin": ("linkedin", {"status": 503, "body": "<html>Down for a moment</html>"}),
    "microsoft_ads": ("microsoft", {"status": 503, "body": "<html>Down for a moment</html>"}),
    "google_ads": ("google_ads", {"grpc_status": "UNAVAILABLE"}),
}


def asked(platform: Platform, case: Case) -> Preflight:
    return platform.preflight({"purchase": case.target, "trial": case.valueless})


def in_words(findings: Sequence[Finding]) -> str:
    return " ".join(f"{each.text} {each.remedy}" for each in findings)


def test_an_account_in_order_has_nothing_to_mend_and_gets_nothing(
    sandbox: Sandbox, case: Case, platform: Platform
) -> None:
    before = sandbox.read("ledger")
    found = asked(platform, case)
    assert (list(found.findings), bool(found.said)) == ([], True)
    assert sandbox.read("ledger") == before


def test_only_a_platform_that_cannot_be_asked_is_not(
    sandbox: Sandbox, case: Case, platform: Platform
) -> None:
    before = total(sandbox)
    said = asked(platform, case).said
    assert (total(sandbox) > before, said != UNASKED) == (case.tells, case.tells)


def total(sandbox: Sandbox) -> int:
    """Requests at all vendors; calls to the Google Ads API begin with one for a token."""
    return sum(sandbox.read("requests")["count"].values())


@pytest.mark.parametrize("case", TELLING)
def test_a_wrong_credential_is_told_with_a_remedy_and_without_the_secret(case: Case, opened: Opened) -> None:
    found = asked(opened(case, **dict.fromkeys(case.wrong, CANARY)), case).findings
    assert [(each.blocking, each.remedy.endswith(".")) for each in found] == [(True, True)]
    assert CANARY not in in_words(found)


@pytest.mark.parametrize("case", TELLING)
def test_what_belongs_to_another_account_is_named(case: Case, opened: Opened) -> None:
    changes, target = case.foreign
    platform = opened(case, **changes)
    [found] = platform.preflight({"purchase": {**case.target, **target}, "trial": case.valueless}).findings
    assert found.blocking
    assert case.foreign_id in found.text
    assert found.remedy.endswith(".")
    assert not target or "of action purchase" in found.text


@pytest.mark.parametrize("case", TELLING)
def test_a_vendor_that_is_down_is_to_be_asked_later(sandbox: Sandbox, case: Case, opened: Opened) -> None:
    vendor, action = DOWN[case.platform]
    sandbox.go_wrong(vendor, **action)
    assert [each.remedy for each in asked(opened(case), case).findings] == [AGAIN]


@pytest.mark.parametrize("body", ["", "null", "[]", '"OK"', "{}", "<html>Sign in to the network</html>"])
@pytest.mark.parametrize("case", [META, LINKEDIN, MICROSOFT], ids=["meta", "linkedin", "microsoft_ads"])
def test_an_answer_that_makes_no_sense_is_no_yes(
    sandbox: Sandbox, case: Case, platform: Platform, body: str
) -> None:
    sandbox.go_wrong(case.vendor, status=200, body=body)
    assert [(each.blocking, each.remedy) for each in asked(platform, case).findings] == [(True, AGAIN)]


def test_the_proof_of_another_apps_secret_is_told(opened: Opened) -> None:
    [found] = asked(opened(META, app_secret=CANARY), META).findings
    assert "appsecret_proof" in found.text
    assert CANARY not in in_words([found])


def test_a_token_without_a_proof_is_enough_where_the_app_asks_for_none(opened: Opened) -> None:
    assert asked(opened(META, app_secret=None), META).findings == ()


def tiktok_token(sandbox: Sandbox, **changes: Any) -> dict[str, Any]:
    """The settings of a TikTok account whose tokens are fetched."""
    known = sandbox.endpoints["credentials"]
    client = {"client_id": known["tiktok_client_id"], "client_secret": "s", "access_token": None}
    return {**BY_PLATFORM["tiktok"].account(sandbox.endpoints), **client, **changes}


@pytest.mark.parametrize(
    ("token", "client", "code"),
    [
        ("tiktok_access_token", "tiktok_client_id", None),
        ("tiktok_client_secret", "tiktok_client_id", "40105"),  # no token of anybody
        ("tiktok_access_token", "tiktok_client_secret", "40002"),  # another app's
    ],
)
def test_a_token_that_was_fetched_is_asked_about(
    sandbox: Sandbox, token: str, client: str, code: str | None
) -> None:
    known = sandbox.endpoints["credentials"]
    settings = kinds()["tiktok"].account(**tiktok_token(sandbox, client_id=known[client]))
    platform = adapter_of("tiktok", "main", settings, lambda *_: FixedToken(known[token]))
    before = sandbox.read("ledger")
    found = platform.preflight({})
    platform.close()
    assert [each.text.split()[0] for each in found.findings] == ([code] if code else [])
    assert (found.said == IN_ORDER) == (code is None)
    assert known[token] not in in_words(found.findings)
    assert sandbox.read("ledger") == before


RULES: list[tuple[dict[str, Any], list[str]]] = [
    ({"enabled": True, "conversionMethod": "CONVERSIONS_API"}, []),
    ({"enabled": False, "conversionMethod": "CONVERSIONS_API"}, ["is switched off"]),
    ({"enabled": True, "conversionMethod": "INSIGHT_TAG"}, ["is not of the method Conversions API"]),
    ({"conversionMethod": "IMAGE"}, ["is not of the method Conversions API", "is switched off"]),
]


NARROW = {
    "Name": "Offline purchase",
    "Type": "OfflineConversion",
    "Status": "Active",
    "CountType": "All",
    "ConversionWindowInMinutes": 43200,
}
GOALS: list[tuple[dict[str, Any], list[tuple[str, bool]]]] = [
    ({}, []),
    ({"Type": "Url"}, [("is of type Url, which takes no offline conversions.", True)]),
    ({"Status": "Paused"}, [("is Paused.", True)]),
    (
        {"CountType": "Unique"},
        [("counts one conversion a click: later payments of a click do not count.", False)],
    ),
    (
        {"ConversionWindowInMinutes": 43200},
        [("takes clicks of 30 days; older ones would be refused.", False)],
    ),
    ({"Revenue": {"Type": "NoValue"}}, [("counts no value, not what is sent.", False)]),
    ({"Revenue": {"Type": "FixedValue"}}, [("counts its own fixed value, not what is sent.", False)]),
    ({"Revenue": None, "ConversionWindowInMinutes": None}, []),
]


@pytest.mark.parametrize(("changes", "said"), GOALS)
def test_a_goal_that_would_count_otherwise_is_told(
    sandbox: Sandbox, opened: Opened, changes: dict[str, Any], said: list[tuple[str, bool]]
) -> None:
    goal = NARROW | {"ConversionWindowInMinutes": 129600, "Revenue": {"Type": "VariableValue"}}
    sandbox.go_wrong("microsoft", status=200, body={"ConversionGoals": [{"Id": "1"}, goal | changes]})
    found = opened(MICROSOFT).preflight({"purchase": MICROSOFT.target}).findings
    assert [(each.text, each.blocking) for each in found] == [
        (f"The conversion goal Offline purchase of action purchase {words}", blocking)
        for words, blocking in said
    ]


def test_a_goals_window_is_held_against_the_accounts_own(sandbox: Sandbox, opened: Opened) -> None:
    sandbox.go_wrong("microsoft", status=200, body={"ConversionGoals": [NARROW]})
    assert not opened(MICROSOFT, click_window_days=30).preflight({"purchase": MICROSOFT.target}).findings


@pytest.mark.parametrize(("rule", "words"), RULES)
def test_a_rule_that_takes_no_conversions_is_told(
    sandbox: Sandbox, opened: Opened, rule: dict[str, Any], words: list[str]
) -> None:
    sandbox.go_wrong("linkedin", status=200, body={"id": 900001, **rule})
    found = opened(LINKEDIN).preflight({"purchase": LINKEDIN.target}).findings
    assert [each.text for each in found] == [
        f"The conversion rule 900001 of action purchase {said}." for said in words
    ]


def test_a_refused_token_is_exchanged_once(sandbox: Sandbox, opened: Opened) -> None:
    sandbox.go_wrong("linkedin", status=401, body={"status": 401, "message": "revoked"})
    assert asked(opened(LINKEDIN), LINKEDIN).findings == []


def test_without_a_target_the_credential_is_still_tried(
    case: Case, platform: Platform, opened: Opened
) -> None:
    assert not platform.preflight({}).findings
    refused = opened(case, **case.wrong).preflight({}).findings
    assert len(refused) == int(case.tells)


def settings_for(sandbox: Sandbox, **changes: dict[str, Any]) -> Settings:
    return settings_type().model_validate(
        {
            "start": "2026-01-01T00:00:00Z",
            "billing": {},
            "platforms": {
                case.platform: {"main": case.account(sandbox.endpoints) | changes.get(case.platform, {})}
                for case in BY_PLATFORM.values()
            },
            "actions": {
                "purchase": {
                    "kinds": ["first_payment"],
                    "targets": {case.platform: {"main": case.target} for case in BY_PLATFORM.values()},
                }
            },
        }
    )


NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_check_tells_of_every_account_in_one_line(sandbox: Sandbox, tokens: TokensOf) -> None:
    lines = list(platforms(settings_for(sandbox), NOW, tokens))
    assert [(line.level, line.what, line.remedy) for line in lines] == [
        ("ok", f"{platform}:main", "") for platform in sorted(BY_PLATFORM)
    ]
    assert all("; API v" in line.detail or "; API 2026" in line.detail for line in lines)


def test_check_tells_which_account_is_wrong_and_what_to_do(sandbox: Sandbox, tokens: TokensOf) -> None:
    wrong = settings_for(sandbox, meta=dict(META.wrong), linkedin=dict(LINKEDIN.wrong))
    lines: list[Line] = list(platforms(wrong, NOW, tokens))
    assert [(line.what, line.level, bool(line.remedy)) for line in lines] == [
        ("google_ads:main", "ok", False),
        ("linkedin:main", "error", True),
        ("meta:main", "error", True),
        ("microsoft_ads:main", "ok", False),
        ("reddit:main", "ok", False),
        ("tiktok:main", "ok", False),
    ]
