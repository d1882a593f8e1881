"""How fast a platform may be asked: what an account's limits come to, and where they come from."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from conversion_sync.platforms.catalogue import CatalogueFile
from conversion_sync.platforms.pace import MINUTE, SECOND, Breaker, Lane, Limits, Usage
from conversion_sync.platforms.platform import fact_of
from tests.unit.platforms.rows import ACCOUNTS, facts
from tests.unit.platforms.test_catalogue import content

ZERO = timedelta()


def leaving(limits: Limits, count: int) -> list[timedelta]:
    """When requests leave that come as fast as they may, by the rule of reserve_request.sql."""
    evenly, moments = ZERO, []
    for _ in range(count):
        moment = max(moments[-1] if moments else ZERO, evenly - limits.tolerance)
        moments.append(moment)
        evenly = max(evenly, moment) + limits.spacing
    return moments


def busiest(moments: list[timedelta], span: timedelta) -> int:
    """The most requests in any half-open span."""
    return max(sum(begin <= moment < begin + span for moment in moments) for begin in moments)


@given(most=st.integers(1, 60))
def test_no_span_holds_more_requests_than_allowed_wherever_it_begins(most: int) -> None:
    for limits, span in (
        (Limits(requests_per_minute=most), MINUTE),
        (Limits(requests_per_second=most), SECOND),
    ):
        assert busiest(leaving(limits, 3 * most + 2), span) <= most


@given(second=st.integers(1, 10), minute=st.integers(1, 60))
def test_two_limits_at_once_are_both_kept(second: int, minute: int) -> None:
    moments = leaving(Limits(requests_per_second=second, requests_per_minute=minute), 2 * minute)
    assert busiest(moments, SECOND) <= second
    assert busiest(moments, MINUTE) <= minute


def test_a_tenth_leaves_at_once_and_the_limit_is_nearly_used() -> None:
    moments = leaving(Limits(requests_per_minute=100), 101)
    assert moments[9] == ZERO < moments[10]
    assert timedelta(seconds=55) < moments[95]
    assert moments[100] >= MINUTE


def test_a_limit_below_one_a_second_is_a_pause_of_several() -> None:
    assert Limits(requests_per_second=0.5).spacing == timedelta(seconds=2.1)


def test_without_a_limit_nothing_waits() -> None:
    assert (Limits().spacing, Limits().tolerance) == (ZERO, ZERO)


@pytest.mark.parametrize(("used", "seconds"), [(0, 0), (75, 0), (80, 12), (100, 60), (250, 60)])
def test_requests_slow_down_as_the_quota_is_used_up(used: float, seconds: float) -> None:
    assert Usage(slow_above=75, longest_pause=MINUTE).pause(used) == timedelta(seconds=seconds)


def test_an_accounts_numbers_replace_the_platforms_one_by_one() -> None:
    known = facts(
        "google_ads",
        limits={"conversions": {"requests_per_minute": 20}, "every": {"requests_per_second": 1}},
        breaker={"failures": 2, "longest_pause_minutes": 5},
    )
    assert known.limits["conversions"] == Limits(requests_per_minute=20, requests_per_day=100000)
    assert known.limits["questions"] == facts("google_ads").limits["questions"]
    assert known.limits["every"] == Limits(requests_per_second=1)
    assert known.breaker == Breaker(failures=2, longest_pause=timedelta(minutes=5))
    assert facts("meta").breaker.failures == 3, "the catalogue's number goes before the general one"


def test_a_kind_of_request_without_a_bucket_counts_with_the_others() -> None:
    google, click_upload = facts("google_ads"), facts("google_ads", upload_api="click_upload")
    assert [google.bucket(lane) for lane in Lane] == ["conversions", "corrections", "questions"]
    assert [click_upload.bucket(lane) for lane in Lane] == ["every"] * 3


QUOTAS = [
    ("google_ads", "quota_error.RESOURCE_TEMPORARILY_EXHAUSTED"),
    ("google_ads", "RESOURCE_EXHAUSTED/day"),
    ("meta", "80004/2446079"),
    ("meta", "613/1487742"),
    ("tiktok", "40132"),
    ("linkedin", "http_429/TOO_MANY_REQUESTS"),
    ("microsoft_ads", "117"),
    ("reddit", "http_429"),
]


@pytest.mark.parametrize(("platform", "code"), QUOTAS)
def test_codes_of_a_used_up_quota_are_known(platform: str, code: str) -> None:
    assert fact_of(facts(platform).quotas, code)


@pytest.mark.parametrize("platform", ACCOUNTS)
def test_a_platform_that_is_down_is_not_taken_for_a_used_up_quota(platform: str) -> None:
    known = facts(platform).quotas
    down = ("http_503", "http_500", "not_connected", "no_answer", "oauth_unavailable", "grpc_UNAVAILABLE")
    assert [code for code in down if fact_of(known, code)] == []


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"limits": {"everything": {}}}, "limits"),
    ({"limits": {"every": {"requests_per_hour": 1}}}, "limits"),
    ({"limits": {"every": {"requests_per_day": 0}}}, "limits"),
    ({"usage": {"slow_above_percent": 100, "longest_pause_seconds": 1}}, "usage"),
    ({"breaker": {"share": 1.5}}, "breaker"),
    ({"breaker": {"failures": 0}}, "breaker"),
]


@pytest.mark.parametrize(("change", "key"), WRONG, ids=[str(change) for change, _ in WRONG])
def test_a_number_that_makes_no_sense_is_refused_by_name(change: dict[str, Any], key: str) -> None:
    with pytest.raises(ValidationError) as refused:
        CatalogueFile.model_validate(content("meta") | change)
    assert {fault["loc"][0] for fault in refused.value.errors()} == {key}


@pytest.mark.parametrize(
    ("quotas", "words"), [(["190"], "not retry_later: 190"), (["1"], "quotas without a delay in retries: 1")]
)
def test_a_quota_is_a_code_that_says_when_to_come_back(quotas: list[str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        CatalogueFile.model_validate(content("meta") | {"quotas": quotas})
