"""The clicks room lands what browsers told, once, whatever its hour and order."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import text

from conversion_sync.attribution.identify import identify
from tests.integration.receiver.browsers import (
    AGENT,
    GCLID,
    SITE,
    VISITOR,
    collecting,
    landed,
    message,
    milliseconds,
    one_click,
    tell,
    told,
    user,
)
from tests.integration.receiver.serving import NOW, serving
from tests.integration.world import rows

MINUTE = timedelta(minutes=1)
SETTINGS = collecting(collector={"origins": [SITE], "requests_per_minute": 100_000})
NOTHING = {"read": 0, "new": 0, "late": 0, "quarantined": 0, "identified": 0}


def clicks(engine, columns: str = "clicked_at, visitor_id, click_ids, ad_user_data") -> list[tuple]:
    return rows(engine, f"select {columns} from click order by clicked_at")


def land(database, *told: tuple[str, dict], at=NOW, **headers: str) -> dict[str, int]:
    """Tells the collector and runs the clicks room."""
    with serving(database.url, SETTINGS, lambda: at) as address:
        for path, body in told:
            assert tell(address, path, body, **headers).status_code == 204
    return landed(database.engine, SETTINGS, at)


def test_a_click_lands_as_one_of_a_click_table_does(database) -> None:
    click = one_click(NOW - MINUTE) | {
        "utm": {"source": "newsletter", "campaign": "Spring & Co"},
        "url": f"{SITE}/?gclid={GCLID}",
        "referrer": "https://www.google.com/",
    }
    browser = {"fbp": "fb.1.1.2", "other": "x"}
    assert land(database, ("/v1/click", message(click, browser=browser))) == NOTHING | {"read": 1, "new": 1}
    columns = (
        "source, clicked_at, visitor_id, user_id, network, click_ids, campaign, landing_url, referrer, "
        "user_agent, ip_address, ad_user_data, ad_personalization, browser_ids"
    )
    assert clicks(database.engine, columns) == [
        (
            "collector",
            NOW - MINUTE,
            VISITOR,
            None,
            None,
            {"gclid": GCLID},
            "Spring & Co",
            f"{SITE}/?gclid={GCLID}",
            "https://www.google.com/",
            AGENT,
            "127.0.0.1",
            "granted",
            "granted",
            {"fbp": "fb.1.1.2"},
        )
    ]
    assert told(database.engine) == []
    assert landed(database.engine, SETTINGS) == NOTHING
    pulled = rows(
        database.engine, "select source, rows_seen, rows_new, rows_quarantined from pull order by pull_id"
    )
    assert pulled == [("clicks:collector", 1, 1, 0), ("clicks:collector", 0, 0, 0)]


def test_a_copy_is_the_same_click_and_another_visitors_is_not(database) -> None:
    later = NOW + timedelta(hours=2)
    land(database, ("/v1/click", message()), ("/v1/click", message()))
    assert land(database, ("/v1/click", message(sent_at=milliseconds(later))), at=later)["new"] == 0
    land(database, ("/v1/click", message(visitor_id="fedcba9876543210")))
    assert [row[1] for row in clicks(database.engine)] == [VISITOR, "fedcba9876543210"]


def test_clicks_without_an_identifier_are_told_apart_by_their_time(database) -> None:
    tagged = [
        one_click(NOW - hours * timedelta(hours=1)) | {"ids": {}, "utm": {"source": "Bing"}}
        for hours in (2, 1)
    ]
    land(database, ("/v1/click", message(*tagged)))
    assert clicks(database.engine, "network") == [("microsoft",), ("microsoft",)]


def test_late_clicks_land_at_the_next_run_and_are_counted(database) -> None:
    month_ago = one_click(NOW - timedelta(days=40)) | {"cookie": "_gcl_aw"}
    assert land(database, ("/v1/click", message(month_ago)))["late"] == 1
    assert clicks(database.engine, "clicked_at") == [(NOW - timedelta(days=40),)]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_last_word_about_consent_counts(database, order) -> None:
    said = [message(), message(consent={"ad_storage": "denied", "ad_user_data": "granted"})]
    land(database, *[("/v1/click", said[place]) for place in order])
    assert [row[3] for row in clicks(database.engine)] == [("denied", "granted")[order[1] == 0]]
    land(database, ("/v1/click", said[order[0]]))
    assert [row[3] for row in clicks(database.engine)] == [("granted", "denied")[order[1] == 0]]


def test_a_user_links_the_visitor_who_is_resolved_anew(database) -> None:
    with database.engine.begin() as connection:
        connection.execute(
            text(
                "insert into identity_link (from_end, from_id, to_end, to_id, evidence, source_ref, "
                "linked_at) "
                "values ('user', 'u-1', 'customer', 'stripe:main:cus_1', 'metadata', 'cus_1', now())"
            )
        )
    report = land(database, ("/v1/click", message()), ("/v1/identify", user("u-1", NOW - MINUTE)))
    assert report == NOTHING | {"read": 2, "new": 1, "identified": 1}
    links = (
        "select from_id, to_id, evidence, source_ref, linked_at from identity_link where from_end = 'visitor'"
    )
    assert rows(database.engine, links) == [(VISITOR, "u-1", "collector_identify", "collector", NOW - MINUTE)]
    assert rows(database.engine, "select key from dirty where room = 'identify'") == [(VISITOR,)]
    identify(database.engine)
    assert rows(database.engine, "select visitor_id, customer_key from visitor_customer") == [
        (VISITOR, "stripe:main:cus_1")
    ]
    assert rows(database.engine, "select network, click_id from touch") == [("google", GCLID)]
    assert land(database, ("/v1/identify", user("u-1", NOW - MINUTE))) == NOTHING | {"read": 1}


def test_crawlers_and_impossible_identifiers_are_quarantined_by_reason(database) -> None:
    land(database, ("/v1/click", message()), ("/v1/identify", user("u-1")), **{"User-Agent": "Googlebot/2.1"})
    assert clicks(database.engine) == []
    report = land(
        database, ("/v1/click", message(one_click(gclid=GCLID, msclkid="cut"), one_click(fbclid="{x}")))
    )
    assert report == NOTHING | {
        "read": 2,
        "new": 1,
        "quarantined": 2,
        "quarantined as impossible_fbclid": 1,
        "quarantined as impossible_msclkid": 1,
    }
    reasons = rows(database.engine, "select reason, count(*) from quarantined_click group by 1 order by 1")
    assert reasons == [("crawler", 2), ("impossible_fbclid", 1), ("impossible_msclkid", 1)]
    assert [row[2] for row in clicks(database.engine)] == [{"gclid": GCLID}]


def test_what_nobody_can_read_is_quarantined_and_the_rest_lands(database) -> None:
    with serving(database.url, SETTINGS) as address:
        tell(address, "/v1/click", message())
        with database.engine.begin() as connection:
            connection.execute(
                text(
                    "insert into collector_inbox (kind, received_at, visitor_id, body) "
                    "values ('click', now(), 'a-visitor', '[]'), ('identify', now(), 'a-visitor', '{}')"
                )
            )
    report = landed(database.engine, SETTINGS)
    assert (report["new"], report["quarantined as unreadable_message"]) == (1, 2)
    assert told(database.engine) == []
