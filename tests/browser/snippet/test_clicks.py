"""Every click a browser brings is kept once, as it came, until the collector has it on disk."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright
from sqlalchemy import text

from tests.browser.snippet.conftest import ARGUMENTS, watched
from tests.browser.snippet.site import AGENT, Site, kept, told, until, visitor
from tests.conftest import chromium
from tests.integration.world import rows

pytestmark = [pytest.mark.browser, pytest.mark.slow]
GCLID = "EAIaIQobChMIx-" + "Ab_9" * 12
IDS = {
    "gclid": GCLID,
    "gbraid": "0AAAAAo_Xy-zQ",
    "wbraid": "CjoKCQjw_x-Y",
    "fbclid": "IwAR0_aBc-DeF",
    "ttclid": "E.C.P.AbC_d-E",
    "li_fat_id": "8F3a2b1c-0d4e-4F5a-9b6c-7d8e9f0a1b2c",
    "msclkid": "0123456789abcdef0123456789ABCDEF",
    "rdt_cid": "4611686018427387904AbC",
    "twclid": "2-3h5x7KqZ",
    "ScCid": "a1B2-c3",
    "epik": "dj0yJnU9M2h5_Q",
}
SECONDS = int((datetime.now(UTC) - timedelta(days=20)).timestamp())


def moment(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)


def test_a_visit_keeps_every_identifier_with_address_referrer_and_time(site: Site, consenting: Page) -> None:
    query = "&".join(f"{name}={value}" for name, value in IDS.items())
    address = site.at(f"/?{query}&utm_source=News+letter&utm_campaign=Sp%20ring%26Co#part")
    before = datetime.now(UTC)
    told(consenting, lambda: consenting.goto(address, referer=site.at("/from", "other.test")))
    (click,) = site.clicks()
    assert click["click_ids"] == {{"ScCid": "sc_cid"}.get(name, name): value for name, value in IDS.items()}
    assert (click["landing_url"], click["referrer"]) == (address, site.at("/from", "other.test"))
    assert (click["campaign"], click["user_agent"], click["ip_address"]) == ("Sp ring&Co", AGENT, "127.0.0.1")
    assert (click["ad_user_data"], click["ad_personalization"]) == ("granted", "granted")
    assert abs(moment(click["clicked_at"]) - before) < timedelta(minutes=5)
    assert click["visitor_id"] == visitor(consenting.context)


def test_an_identifier_is_decoded_once_and_otherwise_left_alone(site: Site, consenting: Page) -> None:
    query = "rdt_cid=AbC%2541+x%2Fy&twclid=100%25+%zz&EPIK=Q%3D%3D&gclid="
    told(consenting, lambda: consenting.goto(site.at(f"/?{query}")))
    assert site.ids() == [{"rdt_cid": "AbC%41+x/y", "twclid": "100%25+%zz", "epik": "Q=="}]


def test_tags_without_an_identifier_are_a_click_and_a_visit_without_tags_is_none(
    site: Site, consenting: Page
) -> None:
    consenting.goto(site.at("/?page=2"))
    told(consenting, lambda: consenting.goto(site.at("/?utm_source=tiktok")))
    consenting.goto(site.at("/"))
    assert [(click["network"], click["click_ids"]) for click in site.clicks()] == [("tiktok", {})]


def test_parameters_behind_a_hash_route_count(site: Site, consenting: Page) -> None:
    told(consenting, lambda: consenting.goto(site.at(f"/#/pricing?gclid={GCLID}")))
    assert site.ids() == [{"gclid": GCLID}]


def test_every_click_is_kept_and_a_reload_is_none(site: Site, consenting: Page) -> None:
    for number in range(3):
        told(consenting, lambda number=number: consenting.goto(site.at(f"/?gclid={GCLID}{number}")))
    consenting.reload()
    consenting.goto(site.at(f"/?gclid={GCLID}0&x=1"))
    assert site.ids() == [{"gclid": f"{GCLID}{number}"} for number in range(3)]
    assert {click["visitor_id"] for click in site.clicks()} == {visitor(consenting.context)}
    assert len(kept(consenting)["clicks"]) == 3


def test_earlier_clicks_are_recovered_from_cookies_at_their_own_time(site: Site, consenting: Page) -> None:
    cookies = {
        "_gcl_aw": f"GCL.{SECONDS}.{GCLID}",
        "_gcl_gb": f"GCL.{SECONDS + 1}.CjoKCQjw_x-Y",
        "_gcl_ag": f"2.1.k0AAAAAo_Xy-zQ$i{SECONDS + 2}",
        "_fbc": f"fb.1.{SECONDS + 3}123.IwAR0_aBc",
        "_fbp": f"fb.1.{SECONDS}000.1234567890",
        "_ttp": "2XYzAbCdEf0123456789abcdefg",
        "li_fat_id": IDS["li_fat_id"],
        "_uetmsclkid": f"_uet{IDS['msclkid']}",
    }
    home = {"domain": ".shop.test", "path": "/"}
    consenting.context.add_cookies(
        [{"name": name, "value": value, **home} for name, value in cookies.items()]
    )
    told(consenting, lambda: told(consenting, lambda: consenting.goto(site.at("/"))))
    found = site.clicks()
    ids = [click["click_ids"] for click in found]
    assert ids[:4] == [
        {"gclid": GCLID},
        {"wbraid": "CjoKCQjw_x-Y"},
        {"gbraid": "0AAAAAo_Xy-zQ"},
        {"fbc": f"fb.1.{SECONDS + 3}123.IwAR0_aBc"},
    ]
    assert {**ids[4], **ids[5]} == {name: IDS[name] for name in ("li_fat_id", "msclkid")}
    times = [moment(click["clicked_at"]).timestamp() for click in found]
    assert times[:4] == [SECONDS, SECONDS + 1, SECONDS + 2, SECONDS + 3.123]
    assert all(abs(at - datetime.now(UTC).timestamp()) < 300 for at in times[4:])
    assert [click["browser_ids"] for click in found] == [{"fbp": cookies["_fbp"], "ttp": cookies["_ttp"]}] * 6
    consenting.reload()
    assert len(site.clicks()) == 6


def test_a_click_in_the_address_and_in_a_cookie_is_one(site: Site, consenting: Page) -> None:
    stamp = SECONDS * 1000
    cookies = {"_gcl_aw": f"GCL.{SECONDS}.{GCLID}", "_fbc": f"fb.1.{stamp}.{IDS['fbclid']}"}
    home = {"domain": "www.shop.test", "path": "/"}
    consenting.context.add_cookies(
        [{"name": name, "value": value, **home} for name, value in cookies.items()]
    )
    told(consenting, lambda: consenting.goto(site.at(f"/?gclid={GCLID}&fbclid={IDS['fbclid']}")))
    assert site.ids() == [{"gclid": GCLID, "fbclid": IDS["fbclid"]}]


def test_navigation_within_a_page_is_followed(site: Site, consenting: Page) -> None:
    first = site.at(f"/?gclid={GCLID}")
    told(consenting, lambda: consenting.goto(first))
    consenting.evaluate("history.replaceState(null, '', '/')")
    second = f"/?utm_source=newsletter&fbclid={IDS['fbclid']}"
    told(consenting, lambda: consenting.evaluate(f"history.pushState(null, '', '{second}')"))
    consenting.evaluate("history.pushState(null, '', '/pricing'); history.go(-1)")
    consenting.wait_for_url(site.at(second))
    told(consenting, lambda: consenting.evaluate(f"location.hash = '?ttclid={IDS['ttclid']}'"))
    clicks = site.clicks()
    assert [click["click_ids"] for click in clicks] == [
        {"gclid": GCLID},
        {"fbclid": IDS["fbclid"]},
        {"fbclid": IDS["fbclid"], "ttclid": IDS["ttclid"]},
    ]
    assert [click["landing_url"] for click in clicks[:2]] == [first, site.at(second)]
    assert clicks[1]["referrer"] == site.at("/")


def test_a_click_that_is_not_acknowledged_is_told_again(site: Site, consenting: Page) -> None:
    with site.engine.begin() as connection:
        connection.execute(text("alter table collector_inbox rename to away"))
    told(consenting, lambda: consenting.goto(site.at(f"/?gclid={GCLID}")), status=503)
    with site.engine.begin() as connection:
        connection.execute(text("alter table away rename to collector_inbox"))
    told(consenting, lambda: consenting.goto(site.at("/pricing-")))
    assert site.ids() == [{"gclid": GCLID}]
    consenting.reload()
    assert rows(site.engine, "select count(*) from collector_inbox") == [(0,)]


def test_a_click_that_is_not_acknowledged_is_told_again_by_the_same_page(
    site: Site, consenting: Page
) -> None:
    consenting.clock.install()
    consenting.route("**/v1/click", lambda route: route.abort())
    with consenting.expect_event("requestfailed"):
        consenting.goto(site.at(f"/?gclid={GCLID}"))
    consenting.unroute("**/v1/click")
    told(consenting, lambda: consenting.clock.run_for(10_000))
    assert site.ids() == [{"gclid": GCLID}]


def test_what_the_collector_will_never_take_is_not_told_again(site: Site, consenting: Page) -> None:
    consenting.route(
        "**/v1/click", lambda route: route.fulfill(status=400, headers={"access-control-allow-origin": "*"})
    )
    told(consenting, lambda: consenting.goto(site.at(f"/?gclid={GCLID}")), status=400)
    until(consenting, "JSON.parse(localStorage._cs_clicks).clicks[0].as")
    asked: list[str] = []
    consenting.on("request", lambda request: asked.append(request.url))
    consenting.reload()
    assert [url for url in asked if "/v1/" in url] == []


def test_the_newest_fifty_are_kept_and_all_are_told(site: Site, consenting: Page) -> None:
    consenting.goto(site.at("/"))
    consenting.evaluate(f"for (let n = 10; n < 65; n++) history.pushState(null, '', '?gclid={GCLID}' + n)")
    until(consenting, "JSON.parse(localStorage._cs_clicks).clicks.every((one) => one.as)")
    stored = [click["ids"]["gclid"][-2:] for click in kept(consenting)["clicks"]]
    assert stored == [str(n) for n in range(15, 65)]
    assert {one["gclid"][-2:] for one in site.ids()} >= set(stored)


def test_two_tabs_keep_the_clicks_of_both(site: Site, consenting: Page) -> None:
    other = consenting.context.new_page()
    consenting.goto(site.at("/"))
    other.goto(site.at("/"))
    for number, tab in enumerate((consenting, other, consenting)):
        push = f"history.pushState(null, '', '?gclid={GCLID}{number}')"
        told(tab, lambda tab=tab, push=push: tab.evaluate(push))
    until(other, "JSON.parse(localStorage._cs_clicks).clicks.length == 3")
    assert site.ids() == [{"gclid": f"{GCLID}{number}"} for number in range(3)]


def test_a_site_that_includes_it_twice_tells_once(site: Site, consenting: Page) -> None:
    asked: list[str] = []
    consenting.on("request", lambda request: asked.append(request.url))
    told(consenting, lambda: consenting.goto(site.at(f"/twice?gclid={GCLID}")))
    assert len([url for url in asked if url.endswith("/v1/click")]) == 1


def test_a_browser_that_keeps_nothing_still_tells(site: Site, driver: Playwright, tmp_path: Path) -> None:
    """Chromium's own setting that blocks all site data: storage throws, cookies are not kept."""
    blocked = {"profile": {"default_content_setting_values": {"cookies": 2}}}
    (tmp_path / "Default").mkdir()
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(blocked))
    context = driver.chromium.launch_persistent_context(
        tmp_path, executable_path=chromium(), args=ARGUMENTS, user_agent=AGENT
    )
    page = watched(context.new_page())
    told(page, lambda: page.goto(site.at(f"/never?gclid={GCLID}")))
    assert page.evaluate(
        "(() => { try { return localStorage.length } catch (fault) { return fault.name } })()"
    ) == ("SecurityError")
    told(page, lambda: page.evaluate(f"history.pushState(null, '', '?fbclid={IDS['fbclid']}')"))
    told(page, lambda: page.evaluate("conversionSync.identify('u-1')"), "/v1/identify")
    assert context.cookies() == []
    context.close()
    clicks = site.clicks()
    assert [click["click_ids"] for click in clicks] == [{"gclid": GCLID}, {"fbclid": IDS["fbclid"]}]
    links = rows(site.engine, "select from_id, to_id from identity_link")
    assert links == [(clicks[0]["visitor_id"], "u-1")]
    assert clicks[0]["visitor_id"] == clicks[1]["visitor_id"]


def test_a_crawler_that_runs_scripts_is_quarantined(site: Site, chrome: Browser) -> None:
    context = chrome.new_context()
    page = context.new_page()
    told(page, lambda: page.goto(site.at(f"/never?gclid={GCLID}")))
    context.close()
    assert site.clicks() == []
    assert rows(site.engine, "select source, reason from quarantined_click") == [("collector", "crawler")]


def test_a_user_is_linked_to_the_visitor(site: Site, consenting: Page, context: BrowserContext) -> None:
    told(consenting, lambda: consenting.goto(site.at(f"/?gclid={GCLID}")))
    told(consenting, lambda: consenting.evaluate("conversionSync.identify('u-1')"), "/v1/identify")
    site.clicks()
    links = rows(site.engine, "select from_end, from_id, to_end, to_id, evidence from identity_link")
    assert links == [("visitor", visitor(context), "user", "u-1", "collector_identify")]
    assert rows(site.engine, "select key from dirty where room = 'identify'") == [(visitor(context),)]


def test_a_user_is_told_once_and_another_one_as_well(site: Site, consenting: Page) -> None:
    asked: list[str] = []
    consenting.on("request", lambda request: asked.append(request.url))
    consenting.goto(site.at("/"))
    told(consenting, lambda: consenting.evaluate("conversionSync.identify('u-1')"), "/v1/identify")
    until(consenting, "JSON.parse(localStorage._cs_clicks).user == 'u-1'")
    consenting.reload()
    consenting.evaluate("conversionSync.identify('u-1')")
    told(consenting, lambda: consenting.evaluate("conversionSync.identify(7)"), "/v1/identify")
    assert len([url for url in asked if url.endswith("/v1/identify")]) == 2
    site.clicks()
    assert rows(site.engine, "select to_id from identity_link order by linked_at") == [("u-1",), ("7",)]


def test_calls_before_the_snippet_is_there_are_made_then(site: Site, consenting: Page) -> None:
    consenting.add_init_script("window.conversionSync = [['identify', 'u-1']]")
    told(consenting, lambda: consenting.goto(site.at("/")), "/v1/identify")


def test_the_sites_hosts_share_a_visitor(site: Site, consenting: Page) -> None:
    told(consenting, lambda: consenting.goto(site.at(f"/?gclid={GCLID}")))
    first = consenting.evaluate("conversionSync.visitorId()")
    consenting.goto(site.at("/", "app.shop.test"))
    told(consenting, lambda: consenting.evaluate("conversionSync.identify('u-1')"), "/v1/identify")
    assert (first, consenting.evaluate("conversionSync.visitorId()")) == (visitor(consenting.context),) * 2
    consenting.goto(site.at("/", "other.test"))
    assert consenting.evaluate("conversionSync.visitorId()") != first
    cookie = next(one for one in consenting.context.cookies() if one["domain"] == ".shop.test")
    days = (cookie["expires"] - datetime.now(UTC).timestamp()) / 86400
    assert (round(days), cookie["sameSite"]) == (400, "Lax")


def test_a_beacon_of_the_sites_own_is_taken(site: Site, consenting: Page) -> None:
    consenting.goto(site.at("/"))
    now = int(datetime.now(UTC).timestamp() * 1000)
    message = {"visitor_id": "a-visitor", "sent_at": now, "clicks": [{"at": now, "ids": {"gclid": GCLID}}]}
    beacon = f"navigator.sendBeacon('{site.collector}/v1/click', {json.dumps(json.dumps(message))})"
    told(consenting, lambda: consenting.evaluate(beacon))
    assert [(click["visitor_id"], click["click_ids"]) for click in site.clicks()] == [
        ("a-visitor", {"gclid": GCLID})
    ]


def test_the_page_needs_no_policy_but_the_collectors_address(site: Site, consenting: Page) -> None:
    answer = consenting.goto(site.at("/"))
    assert answer.headers["content-security-policy"] == (
        f"default-src 'none'; img-src data:; script-src {site.collector}; connect-src {site.collector}"
    )
    assert consenting.evaluate("typeof conversionSync.identify") == "function"
