"""The company's own table of visits, in a PostgreSQL of its own: `marketing.ad_clicks`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import psycopg

from conversion_sync.sandbox.business import Business

TABLE = """
create schema if not exists marketing;
create table if not exists marketing.ad_clicks (
    id                          bigint primary key,
    ts                          timestamptz,
    written_at                  timestamptz not null,
    anon_id                     text,
    user_id                     text,
    gclid                       text,
    gbraid                      text,
    wbraid                      text,
    fbclid                      text,
    ttclid                      text,
    li_fat_id                   text,
    msclkid                     text,
    rdt_cid                     text,
    utm_source                  text,
    utm_campaign                text,
    page_url                    text,
    referrer                    text,
    ua                          text,
    ip                          text,
    consent_ad_user_data        text,
    consent_ad_personalization  text
);
create index if not exists ad_clicks_written_at on marketing.ad_clicks (written_at);
create index if not exists ad_clicks_ts on marketing.ad_clicks (ts);
"""
IDS = ("gclid", "gbraid", "wbraid", "fbclid", "ttclid", "li_fat_id", "msclkid", "rdt_cid")
REFERRERS = {
    "google": "https://www.google.com/",
    "meta": "https://l.facebook.com/",
    "tiktok": "https://www.tiktok.com/",
    "linkedin": "https://www.linkedin.com/",
    "microsoft": "https://www.bing.com/",
    "reddit": "https://www.reddit.com/",
}
Row = tuple[object, ...]


def write_click_table(url: str, business: Business) -> int:
    """Fills the table if it is empty; returns how many rows it holds."""
    with psycopg.connect(url) as connection:
        connection.execute(TABLE)
        held = connection.execute("select count(*) from marketing.ad_clicks").fetchone()
        if held is not None and held[0]:
            return int(held[0])
        rows = 0
        with connection.cursor() as cursor, cursor.copy("copy marketing.ad_clicks from stdin") as copy:
            for row in table_rows(business):
                copy.write_row(row)
                rows += 1
        connection.execute("analyze marketing.ad_clicks")
        return rows


def table_rows(business: Business) -> Iterator[Row]:
    """Every visit as a row, in order of time, and a handful of rows nobody can use."""
    visits = sorted(business.visits(), key=lambda visit: (visit.at, visit.visitor_id))
    for number, visit in enumerate(visits, start=1):
        yield (
            number,
            visit.at,
            visit.written_at,
            visit.visitor_id,
            visit.user_id,
            *(visit.ids.get(name) for name in IDS),
            visit.utm_source,
            visit.campaign,
            visit.page,
            REFERRERS.get(visit.channel),
            visit.agent,
            visit.ip,
            visit.consent.ad_user_data,
            visit.consent.ad_personalization,
        )
    yield from unusable_rows(len(visits), business)


def unusable_rows(last: int, business: Business) -> Iterator[Row]:
    """Without a time, from the future, without a browser, with empty identifiers, with one cut short."""
    written = business.end - timedelta(minutes=90)
    nothing = (None,) * len(IDS)
    rest = (None, None, "https://app.example.com/", None, None, None, "granted", "granted")
    yield (last + 1, None, written, "anon-without-time", None, *nothing, *rest)
    yield (last + 2, written + timedelta(days=900), written, "anon-from-the-future", None, *nothing, *rest)
    yield (last + 3, written, written, None, None, *nothing, *rest)
    yield (last + 4, written, written, "anon-with-nothing-in-it", None, *("",) * len(IDS), *rest)
    yield (last + 5, written, written, "anon-cut", None, "Cj0KCQ", *nothing[1:], *rest)
