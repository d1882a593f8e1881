"""Crawlers and impossible identifiers are quarantined with their reason; what may be a person's is not."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from conversion_sync.clicks.junk import crawler_of
from conversion_sync.clicks.normalise import read_row
from conversion_sync.model.click import Click, QuarantinedClick

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
GCLID = "Cj0KCQ" + "x" * 60
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"


def read(**changes: str) -> list[Click | QuarantinedClick]:
    row = {"click_ref": "7", "clicked_at": NOW, "visitor_id": "v1"} | changes
    return read_row("web", row, ZoneInfo("UTC"), NOW)


def quarantined(**changes: str) -> list[tuple[str, str]]:
    return [(row.reason, row.detail) for row in read(**changes) if isinstance(row, QuarantinedClick)]


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "Googlebot"),
        ("AdsBot-Google (+http://www.google.com/adsbot.html)", "AdsBot"),
        ("facebookexternalhit/1.1", "facebookexternalhit"),
        ("LinkedInBot/1.0 (compatible; Mozilla/5.0; Apache-HttpClient)", "LinkedInBot"),
        ("Mozilla/5.0 (compatible; Bytespider; spider-feedback@bytedance.com)", "Bytespider"),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/131.0.0.0 Safari/537.36", "Headless"),
        ("python-requests/2.32", "python-requests"),
        ("curl/8.5.0", "curl"),
    ],
)
def test_a_program_that_names_itself_is_no_click(agent: str, name: str) -> None:
    assert quarantined(user_agent=agent, gclid=GCLID) == [("crawler", f"the user agent names {name}")]


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0",
        "Mozilla/5.0 (Linux; Android 13; CUBOT X50) AppleWebKit/537.36 Chrome/120.0.0.0 Mobile Safari/537.36",
        f"{IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/480.0.0.40.109;FBBV/658]",
        f"{IPHONE} Mobile/15E148 Instagram 350.0.0.30.90 (iPhone15,2; iOS 18_1; en_US)",
        f"{IPHONE} Mobile/15E148 LinkedInApp/9.29.8961",
        f"{IPHONE} Mobile/15E148 [Pinterest/iOS]",
        f"{IPHONE} Mobile/15E148 BytedanceWebview/d8a21c6 musical_ly_2023",
        "",
    ],
)
def test_browsers_and_the_browsers_inside_apps_are_people(agent: str) -> None:
    assert quarantined(user_agent=agent, gclid=GCLID) == []


def test_a_user_agent_is_looked_at_once() -> None:
    crawler_of.cache_clear()
    for _ in range(50):
        read(user_agent=IPHONE)
    assert (crawler_of.cache_info().misses, crawler_of.cache_info().hits) == (1, 49)


@pytest.mark.parametrize(
    ("kind", "value", "fault"),
    [
        ("gclid", "Cj0KCQ", ("truncated_gclid", "6 characters, at least 20 are expected")),
        ("gclid", "{gclid}", ("impossible_gclid", "7 characters in a form gclid never has")),
        ("gclid", f"{GCLID}%", ("impossible_gclid", "67 characters in a form gclid never has")),
        ("gclid", "undefined", ("impossible_gclid", "a word for a missing value")),
        ("ttclid", "NULL", ("impossible_ttclid", "a word for a missing value")),
        ("wbraid", "CjoKCQ", ("truncated_wbraid", "6 characters, at least 10 are expected")),
        ("fbc", "fb.1.IwAR1", ("impossible_fbc", "10 characters in a form fbc never has")),
        ("fbclid", "{{fbclid}}", ("impossible_fbclid", "10 characters in a form fbclid never has")),
        ("ttclid", "E.C.P." + "x" * 995, ("impossible_ttclid", "1001 characters, at most 1000 are possible")),
        (
            "li_fat_id",
            "[object Object]",
            ("impossible_li_fat_id", "15 characters in a form li_fat_id never has"),
        ),
        ("msclkid", "abc123", ("impossible_msclkid", "6 characters in a form msclkid never has")),
        ("rdt_cid", "x" * 2001, ("impossible_rdt_cid", "2001 characters, at most 2000 are possible")),
        ("twclid", "two words", ("impossible_twclid", "9 characters in a form twclid never has")),
    ],
)
def test_an_impossible_identifier_says_why_and_never_what_it_was(
    kind: str, value: str, fault: tuple[str, str]
) -> None:
    assert quarantined(**{kind: value}) == [fault]
    assert [row for row in read(**{kind: value}) if isinstance(row, Click)] == []


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("msclkid", "1B4F0A2C-3D5E-4F60-8A7B-9C0D1E2F3A4B"),
        ("fbc", "fb.1.1717236000000.IwAR1.AQMBAQMBA"),
        ("epik", "dj0yJnU9M2h5"),
        ("sc_cid", "a1b2-C3"),
        ("twclid", "2-3h5x7Kq"),
    ],
)
def test_an_identifier_as_networks_make_them_is_kept_as_it_is(kind: str, value: str) -> None:
    (found,) = read(**{kind: value})
    assert isinstance(found, Click)
    assert found.click_ids == {kind: value}


def test_a_bad_identifier_does_not_cost_the_row_its_good_one() -> None:
    click, bad = read(gclid=GCLID, msclkid="cut")
    assert isinstance(click, Click)
    assert isinstance(bad, QuarantinedClick)
    assert (click.click_ids, bad.click_ref, bad.reason) == ({"gclid": GCLID}, "7", "impossible_msclkid")
