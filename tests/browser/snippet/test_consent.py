"""Nothing is stored and nothing told without consent where it is required; no click is lost by that."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.snippet.site import AGENT, DENY, GRANT, GTAG, Site, kept, told, until, visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]
GCLID = "EAIaIQobChMIx-" + "Ab_9" * 12
DEFAULTS = (
    "gtag('consent', 'default', {{ad_storage: '{0}', ad_user_data: '{0}', ad_personalization: '{0}'{1}}})"
)
TCF = """
    window.tell = [];
    window.__tcfapi = (command, version, callback) => {
        tell.push((data) => callback(data, true));
        tell.at(-1)(FIRST);
    };
"""


def tcf(status: str, *purposes: int, applies: bool = True) -> str:
    consents = "{" + ",".join(f"{purpose}: true" for purpose in purposes) + "}"
    return (
        f"{{gdprApplies: {str(applies).lower()}, eventStatus: '{status}', purpose: {{consents: {consents}}}}}"
    )


def tags(**entries: str) -> str:
    inside = ", ".join(f"{name}: {entry}" for name, entry in entries.items())
    return f"window.google_tag_data = {{ics: {{entries: {{{inside}}}}}}}"


TELLS = [
    ("consent mode, a default", "/", GTAG + DEFAULTS.format("granted", ""), "granted", "granted"),
    (
        "consent mode, an answer",
        "/",
        GTAG + DEFAULTS.format("denied", "") + ";" + GRANT,
        "granted",
        "granted",
    ),
    (
        "consent mode, storage alone",
        "/",
        GTAG + "gtag('consent', 'update', {ad_storage: 'granted', ad_user_data: 'denied'})",
        "denied",
        "unknown",
    ),
    ("the tag's own record", "/", tags(ad_storage="{default: false, update: true}"), "unknown", "unknown"),
    ("the tag's own default", "/", tags(ad_storage="{default: true}"), "unknown", "unknown"),
    ("TCF, all purposes", "/", TCF.replace("FIRST", tcf("tcloaded", 1, 3, 4, 7)), "granted", "granted"),
    ("TCF, storage alone", "/", TCF.replace("FIRST", tcf("useractioncomplete", 1)), "denied", "denied"),
    (
        "TCF, where it does not apply",
        "/",
        TCF.replace("FIRST", tcf("tcloaded", applies=False)),
        "unknown",
        "unknown",
    ),
    ("nothing, where nothing is required", "/never", "", "unknown", "unknown"),
    (
        "a default by region, where nothing is required",
        "/never",
        GTAG + DEFAULTS.format("denied", ", region: ['DE']"),
        "unknown",
        "unknown",
    ),
]
SILENT = [
    ("nothing", "/", ""),
    ("an unknown rule", "/nevr", ""),
    ("a default that waits", "/", GTAG + DEFAULTS.format("denied", "")),
    ("a default by region", "/", GTAG + DEFAULTS.format("granted", ", region: ['US']")),
    ("a refusal", "/", GTAG + DENY),
    ("a refusal where nothing is required", "/never", GTAG + DENY),
    ("a refusal after consent", "/", GTAG + GRANT + ";" + DENY),
    ("the tag's own record", "/", tags(ad_storage="{default: true, update: false}")),
    ("TCF, not answered yet", "/", TCF.replace("FIRST", tcf("cmpuishown", 1, 3, 4, 7))),
    ("TCF, refused", "/never", TCF.replace("FIRST", tcf("useractioncomplete", 2))),
    ("TCF before consent mode", "/", TCF.replace("FIRST", tcf("tcloaded", 7)) + GTAG + GRANT),
    ("a browser that opts out", "/never", "Navigator.prototype.globalPrivacyControl = true"),
    (
        "a browser that opts out before all",
        "/",
        "Navigator.prototype.globalPrivacyControl = true;" + GTAG + GRANT,
    ),
]


@pytest.mark.parametrize(
    ("path", "said", "user_data", "personalization"),
    [one[1:] for one in TELLS],
    ids=[one[0] for one in TELLS],
)
def test_with_consent_the_click_is_told_with_it(
    site: Site, page: Page, path: str, said: str, user_data: str, personalization: str
) -> None:
    page.add_init_script(said)
    told(page, lambda: page.goto(site.at(f"{path}?gclid={GCLID}")))
    (click,) = site.clicks()
    assert (click["ad_user_data"], click["ad_personalization"]) == (user_data, personalization)
    assert visitor(page.context) == click["visitor_id"]


@pytest.mark.parametrize(("path", "said"), [one[1:] for one in SILENT], ids=[one[0] for one in SILENT])
def test_without_consent_nothing_is_stored_and_nothing_is_told(
    site: Site, page: Page, path: str, said: str
) -> None:
    page.add_init_script(said)
    assert sent_by(page, lambda: page.goto(site.at(f"{path}?gclid={GCLID}"))) == []
    assert sent_by(page, lambda: page.evaluate("conversionSync.identify('u-1')")) == []
    assert sent_by(page, lambda: page.evaluate("history.pushState(null, '', '/?fbclid=IwAR1')")) == []
    assert (kept(page), visitor(page.context), page.evaluate("document.cookie")) == (None, None, "")
    assert page.evaluate("conversionSync.visitorId()") is None


def sent_by(page: Page, action: Callable[[], object]) -> list[str]:
    """What the collector was asked while the page did something, and until it was left."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    action()
    page.evaluate("dispatchEvent(new Event('pagehide'))")
    return [url for url in asked if "/v1/" in url]


@pytest.mark.parametrize(
    "answer",
    [
        f"{GTAG} {GRANT}",
        f"tell[0]({tcf('useractioncomplete', 1, 3, 4, 7)})",
        "conversionSync.consent({ad_storage: 'granted', ad_user_data: 'granted'})",
    ],
)
def test_consent_that_comes_later_keeps_the_click_of_the_page(site: Site, page: Page, answer: str) -> None:
    if "tell" in answer:
        page.add_init_script(TCF.replace("FIRST", tcf("cmpuishown")))
    page.goto(site.at(f"/?gclid={GCLID}"))
    page.evaluate("history.replaceState(null, '', '/pricing'); conversionSync.identify('u-1')")
    told(page, lambda: told(page, lambda: page.evaluate(answer)), "/v1/identify")
    (click,) = site.clicks()
    assert (click["click_ids"], click["ad_user_data"]) == ({"gclid": GCLID}, "granted")
    assert click["landing_url"] == site.at(f"/?gclid={GCLID}")


def test_consent_given_later_is_told_of_clicks_told_before(site: Site, page: Page) -> None:
    page.add_init_script(GTAG)
    told(page, lambda: page.goto(site.at(f"/never?gclid={GCLID}")))
    assert [click["ad_user_data"] for click in site.clicks()] == ["unknown"]
    told(page, lambda: page.evaluate(GRANT))
    assert [click["ad_user_data"] for click in site.clicks()] == ["granted"]


def test_consent_withdrawn_is_told_and_everything_is_forgotten(site: Site, page: Page) -> None:
    page.add_init_script(GTAG + DEFAULTS.format("denied", ""))
    page.goto(site.at(f"/?gclid={GCLID}"))
    told(page, lambda: page.evaluate(GRANT))
    until(page, "JSON.parse(localStorage._cs_clicks).clicks[0].as")
    first = visitor(page.context)
    told(page, lambda: page.evaluate(DENY))
    assert (kept(page), visitor(page.context)) == (None, None)
    assert [(click["visitor_id"], click["ad_user_data"]) for click in site.clicks()] == [(first, "denied")]
    told(page, lambda: page.evaluate(GRANT))
    assert visitor(page.context) not in (None, first)


def test_a_default_that_waits_for_the_visitors_word_forgets_nothing(site: Site, page: Page) -> None:
    page.add_init_script(GTAG + DEFAULTS.format("denied", ""))
    page.goto(site.at(f"/?gclid={GCLID}"))
    told(page, lambda: page.evaluate(GRANT))
    until(page, "JSON.parse(localStorage._cs_clicks).clicks[0].as")
    page.goto(site.at("/pricing-"))
    assert len(kept(page)["clicks"]) == 1
    told(
        page,
        lambda: page.evaluate("gtag('consent', 'update', {ad_storage: 'granted', ad_user_data: 'denied'})"),
    )
    assert [click["ad_user_data"] for click in site.clicks()] == ["denied"]


@pytest.mark.parametrize(
    ("zone", "is_told"), [("America/New_York", True), ("Europe/Berlin", False), ("Atlantic/Canary", False)]
)
def test_consent_may_be_required_by_time_zone(site: Site, chrome: Browser, zone: str, is_told: bool) -> None:
    context = chrome.new_context(user_agent=AGENT, timezone_id=zone)
    page = context.new_page()
    asked = sent_by(page, lambda: page.goto(site.at(f"/Europe-_Atlantic-?gclid={GCLID}")))
    assert (len(asked) > 0, visitor(context) is not None) == (is_told, is_told)
    context.close()
