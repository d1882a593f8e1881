"""Each platform's facts as its file says them; a file that is not exactly a catalogue is refused."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from conversion_sync.model.conversion import Outcome, Reason
from conversion_sync.platforms.catalogue import CatalogueFile
from conversion_sync.platforms.fields import FieldRule, field_fault
from conversion_sync.platforms.platform import Catalogue, DedupPromise, Patience, fact_of, outcome_of
from conversion_sync.platforms.registry import kinds
from conversion_sync.platforms.verdict import verdict
from conversion_sync.reports import dead_letters
from tests.unit.platforms.rows import ACCOUNTS, facts

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


def written(platform: str) -> dict[str, Any]:
    text = (files("conversion_sync.platforms") / platform / "catalogue.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def content(platform: str) -> dict[str, Any]:
    """The file's facts, of the first route where there are several."""
    known = written(platform)
    routes = list(known.pop("routes", {}).values())
    return known | (routes[0] if routes else {})


@pytest.mark.parametrize("platform", ACCOUNTS)
def test_every_route_has_all_the_facts(platform: str) -> None:
    known = written(platform)
    for route in known.pop("routes", {}).values():
        assert not known.keys() & route.keys()
        CatalogueFile.model_validate(known | route)


def test_the_account_says_which_route_counts() -> None:
    later = [facts("google_ads", upload_api=api) for api in ("data_manager", "click_upload")]
    assert [(each.confirms_later, each.first_status_after, each.batch_size) for each in later] == [
        (True, timedelta(minutes=30), 2000),
        (False, timedelta(), 2000),
    ]


REQUIRED = [name for name, known in CatalogueFile.model_fields.items() if known.is_required()]


@pytest.mark.parametrize("platform", ACCOUNTS)
@pytest.mark.parametrize("key", REQUIRED)
def test_a_missing_key_is_refused_by_name(platform: str, key: str) -> None:
    known = content(platform)
    del known[key]
    with pytest.raises(ValidationError) as refused:
        CatalogueFile.model_validate(known)
    assert [(fault["type"], fault["loc"]) for fault in refused.value.errors()] == [("missing", (key,))]


@pytest.mark.parametrize("platform", ACCOUNTS)
def test_an_unknown_key_is_refused_by_name(platform: str) -> None:
    with pytest.raises(ValidationError) as refused:
        CatalogueFile.model_validate(content(platform) | {"batch_sise": 100})
    assert [(fault["type"], fault["loc"]) for fault in refused.value.errors()] == [
        ("extra_forbidden", ("batch_sise",))
    ]


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"batch_size": 0}, "batch_size"),
    ({"batch_size": 10.5}, "batch_size"),
    ({"click_window_days": -1}, "click_window_days"),
    ({"max_event_age_days": "a week"}, "max_event_age_days"),
    ({"isolation_requests": -1}, "isolation_requests"),
    ({"sunset": datetime(2027, 9, 15)}, "sunset"),  # noqa: DTZ001 - a time without a zone is the point
    ({"dedup": "sometimes"}, "dedup"),
    ({"network": "myspace"}, "network"),
    ({"codes": {"perhaps": ["7"]}}, "codes"),
    ({"code_ranges": [{"first": 1, "last": 2}]}, "code_ranges"),
    ({"code_ranges": [{"first": 1, "last": 2, "outcome": "hold", "why": "x"}]}, "code_ranges"),
    ({"retries": [{"codes": [], "tries": 1}]}, "retries"),
    ({"retries": [{"codes": ["368"]}]}, "retries"),
    ({"retries": [{"codes": ["368"], "tries": 0}]}, "retries"),
    ({"retries": [{"codes": ["368"], "delay_hours": -1}]}, "retries"),
    ({"retries": [{"codes": ["368"], "delay_minutes": 0}]}, "retries"),
    ({"retries": [{"codes": ["368"], "delay_days": 1}]}, "retries"),
    ({"retries": [{"codes": ["368"], "delay_minutes": [1, 0]}]}, "retries"),
    ({"retries": [{"codes": ["368"], "delay_minutes": 1, "delay_hours": 1}]}, "retries"),
    ({"fields": {"fbc": {}}}, "fields"),
    ({"fields": {"fbc": {"words": []}}}, "fields"),
    ({"fields": {"fbc": {"longest": 0}}}, "fields"),
    ({"fields": {"fbc": {"shortest": 1}}}, "fields"),
]


@pytest.mark.parametrize(("change", "key"), WRONG, ids=[str(change) for change, _ in WRONG])
def test_a_value_that_makes_no_sense_is_refused_by_name(change: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as refused:
        CatalogueFile.model_validate(content("meta") | change)
    assert {fault["loc"][0] for fault in refused.value.errors()} == {key}


def test_a_code_listed_twice_is_refused() -> None:
    codes = {"hold": ["190", "7"], "retry_later": ["8", "190"]}
    with pytest.raises(ValidationError, match="codes listed twice: 190"):
        CatalogueFile.model_validate(content("meta") | {"codes": codes})


TOGETHER: list[tuple[str, dict[str, Any], str]] = [
    ("meta", {"retries": [{"codes": ["190"], "tries": 1}]}, "not retry_later: 190"),
    ("meta", {"retries": [{"codes": ["never seen"], "tries": 1}]}, "not retry_later: never seen"),
    ("meta", {"retries": [{"codes": ["1", "2", "1"], "tries": 1}]}, "retries listed twice: 1"),
    ("meta", {"remedies": {"never seen": "Pray."}}, "remedies for codes that are not listed: never seen"),
    ("linkedin", {"said_in_words": {"no": "never"}}, "words for codes that are not listed: never"),
    ("tiktok", {"renewable": ["40050"]}, "not hold: 40050"),
    ("meta", {"confirms_later": True}, "confirms_later needs status_retention_days"),
    ("tiktok", {"resend_alone": ["40100"]}, "not ambiguous: 40100"),
    ("tiktok", {"of_rows": ["40001"]}, "not bad_batch: 40001"),
    ("tiktok", {"too_large": ["never seen"]}, "not bad_batch: never seen"),
    ("meta", {"resend_alone": ["no_answer"]}, "needs a platform that drops duplicates"),
]


@pytest.mark.parametrize(("platform", "change", "words"), TOGETHER)
def test_facts_that_contradict_each_other_are_refused(
    platform: str, change: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValidationError, match=words):
        CatalogueFile.model_validate(content(platform) | change)


ASKED_FOR = [
    ("google_ads", "conversion_upload_error.UNKNOWN", Patience(tries=3, delay=HOUR)),
    ("google_ads", "conversion_upload_error.4711", Patience(tries=3, delay=HOUR)),
    ("google_ads", "conversion_upload_error.EVENT_NOT_FOUND", Patience(tries=1, delay=DAY)),
    (
        "google_ads",
        "conversion_adjustment_upload_error.CONVERSION_NOT_FOUND",
        Patience(after_original=2 * DAY),
    ),
    ("google_ads", "TOO_RECENT_CLICK", Patience(delay=6 * HOUR)),
    ("google_ads", "INTERNAL_ERROR", None),
    ("meta", "368/99", Patience(delay=6 * HOUR)),
    ("meta", "4", Patience(delay=MINUTE, then=(5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR))),
    ("meta", "80004/7", Patience(delay=MINUTE, then=(5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR))),
    ("meta", "1", None),
    ("linkedin", "http_429/TOO_MANY_REQUESTS", Patience(delay=MINUTE, next_day=True)),
    ("linkedin", "http_503", None),
    ("microsoft_ads", "117", Patience(delay=timedelta(minutes=1))),
    ("microsoft_ads", "5612", Patience(delay=timedelta(minutes=5))),
    ("microsoft_ads", "5615", Patience(delay=2 * HOUR)),
    ("microsoft_ads", "5614/skew", Patience(tries=1, delay=timedelta(minutes=5))),
    ("microsoft_ads", "0", None),
]


@pytest.mark.parametrize(("platform", "code", "patience"), ASKED_FOR)
def test_how_long_a_code_is_believed_is_the_specifications(
    platform: str, code: str, patience: Patience | None
) -> None:
    assert fact_of(facts(platform).patience, code) == patience


def test_only_a_platform_that_drops_duplicates_has_rows_sent_again_alone() -> None:
    assert {platform: facts(platform).resend_alone for platform in ACCOUNTS} == {
        "google_ads": frozenset(),
        "meta": frozenset(),
        "tiktok": frozenset({"20001"}),
        "linkedin": frozenset(),
        "reddit": frozenset(),
        "microsoft_ads": frozenset({"unplaced"}),
    }


def test_another_token_may_help_where_the_specification_says_so() -> None:
    assert {platform: facts(platform).renewable for platform in ("tiktok", "microsoft_ads")} == {
        "tiktok": frozenset({"40102", "40105"}),
        "microsoft_ads": frozenset({"109"}),
    }


def test_a_field_is_as_long_as_its_vendor_takes_it_and_of_its_words() -> None:
    rules = {"id": FieldRule(longest=3), "colour": FieldRule(words=frozenset({"red", "blue"}))}
    given = [("id", "abc"), ("id", "abcd"), ("colour", "red"), ("colour", "Red"), ("size", "any")]
    assert [field_fault(rules, name, value) for name, value in given] == [
        None,
        "The id is longer than 3 characters.",
        None,
        "The colour 'Red' is none of blue, red.",
        None,
    ]


def test_an_action_can_be_given_only_sources_its_platform_takes() -> None:
    offered = get_args(kinds()["meta"].target.model_fields["action_source"].annotation)
    assert set(offered) <= facts("meta").fields["action_source"].words


def plain(catalogue: Catalogue) -> dict[str, Any]:
    return {name: getattr(catalogue, name) for name in Catalogue.__dataclass_fields__ if name != "codes"}


AT_ONCE = {
    "max_click_age": None,
    "deadline_margin": HOUR,
    "min_click_age": timedelta(),
    "can_restate": False,
    "can_retract": False,
    "adjustment_window": timedelta(),
    "confirms_later": False,
    "first_status_after": timedelta(),
    "isolation_requests": 60,
}
FACTS: dict[str, dict[str, Any]] = {
    "meta": {
        "platform": "meta",
        "network": "meta",
        "api_version": "v26.0",
        "sunset": None,
        "batch_size": 1000,
        "click_window": 28 * DAY,
        "max_event_age": 7 * DAY,
        "dedup": DedupPromise.NONE,
        "dedup_window": timedelta(),
        **AT_ONCE,
    },
    "tiktok": {
        "platform": "tiktok",
        "network": "tiktok",
        "api_version": "v1.3",
        "sunset": None,
        "batch_size": 100,
        "click_window": 28 * DAY,
        "max_event_age": 7 * DAY,
        "dedup": DedupPromise.WITHIN_WINDOW,
        "dedup_window": 2 * DAY,
        **AT_ONCE,
    },
    "linkedin": {
        "platform": "linkedin",
        "network": "linkedin",
        "api_version": "202609",
        "sunset": datetime(2027, 9, 15, tzinfo=UTC),
        "batch_size": 1000,
        "click_window": 90 * DAY,
        "max_event_age": 90 * DAY,
        "dedup": DedupPromise.NONE,
        "dedup_window": timedelta(),
        **AT_ONCE,
    },
    "microsoft_ads": {
        "platform": "microsoft_ads",
        "network": "microsoft",
        "api_version": "v13",
        "sunset": None,
        "batch_size": 1000,
        "click_window": 90 * DAY,
        "max_event_age": 90 * DAY,
        "dedup": DedupPromise.ALWAYS,
        "dedup_window": timedelta(),
        **AT_ONCE,
        "can_restate": True,
        "can_retract": True,
        "adjustment_window": 90 * DAY,
    },
}


@pytest.mark.parametrize("platform", FACTS)
def test_the_facts_are_those_of_the_specification(platform: str) -> None:
    known = plain(facts(platform))
    assert {name: known[name] for name in FACTS[platform]} == FACTS[platform]


@pytest.mark.parametrize("platform", ACCOUNTS)
def test_every_platform_says_what_an_exchange_without_an_answer_means(platform: str) -> None:
    codes = facts(platform).codes
    assert {code: outcome_of(codes, code) for code in ("not_connected", "no_answer")} == {
        "not_connected": Outcome.RETRY_LATER,
        "no_answer": Outcome.AMBIGUOUS,
    }


OVERRIDES = [
    ("meta", {"click_window_days": 7}, {"click_window": 7 * DAY}),
    ("tiktok", {"max_event_age_days": 28}, {"max_event_age": 28 * DAY}),
    ("tiktok", {"click_window_days": 0.5}, {"click_window": 12 * HOUR}),
    ("linkedin", {"click_window_days": 30}, {"click_window": 30 * DAY}),
]


@pytest.mark.parametrize(("platform", "account", "changed"), OVERRIDES)
def test_an_accounts_own_setting_replaces_the_platforms_number_alone(
    platform: str, account: dict[str, Any], changed: dict[str, Any]
) -> None:
    assert plain(facts(platform, **account)) == plain(facts(platform)) | changed
    assert facts(platform, **account).codes == facts(platform).codes


CODES = {
    "100": Outcome.BAD_BATCH,
    "100/*": Outcome.BAD_BATCH,
    "100/33": Outcome.HOLD,
    "4*": Outcome.BAD_BATCH,
    "40*": Outcome.HOLD,
    "-*": Outcome.RETRY_LATER,
}
LOOKED_UP = [
    ("100", Outcome.BAD_BATCH),
    ("100/33", Outcome.HOLD),
    ("100/34", Outcome.BAD_BATCH),
    ("1000", None),
    ("41", Outcome.BAD_BATCH),
    ("401", Outcome.HOLD),
    ("4", Outcome.BAD_BATCH),
    ("-1", Outcome.RETRY_LATER),
    ("", None),
    ("*", None),
]


@pytest.mark.parametrize(("code", "outcome"), LOOKED_UP)
def test_a_code_is_looked_up_exactly_then_by_its_longest_prefix(code: str, outcome: Outcome | None) -> None:
    assert outcome_of(CODES, code) is outcome


def test_a_range_holds_both_its_ends_with_and_without_a_suffix_and_a_listed_code_wins() -> None:
    codes = facts("meta").codes
    assert {code: outcome_of(codes, code) for code in ("199", "200", "200/1", "299", "299/7", "300")} == {
        "199": None,
        "200": Outcome.HOLD,
        "200/1": Outcome.HOLD,
        "299": Outcome.HOLD,
        "299/7": Outcome.HOLD,
        "300": None,
    }


MENDED = [
    ("meta", "190/460", "system user token"),
    ("meta", "100/33", "dataset_id"),
    ("tiktok", "40001", "pixel_code"),
    ("linkedin", "http_403/ACCESS_DENIED", "conversion_rule_id"),
    ("linkedin", "element_401", "connect the account anew"),
    ("reddit", "http_404", "pixel_id"),
    ("microsoft_ads", "5606", "conversion_name"),
]


@pytest.mark.parametrize(("platform", "code", "words"), MENDED)
def test_what_a_person_does_about_a_code_stands_with_the_dead_letters_and_in_the_answer(
    platform: str, code: str, words: str
) -> None:
    known = facts(platform)
    listed = dead_letters.remedy(known, code, Reason.CREDENTIAL_OR_CONFIGURATION.value)
    assert words in listed
    assert verdict(known, code, "", remedy="Look.", unknown=Outcome.HOLD).remedy == listed
