"""Clicks into the tables of clicks: one page, one transaction, whoever read it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, Engine

from conversion_sync.clicks.source import ClickPage
from conversion_sync.store.copy import copy_rows
from conversion_sync.store.locks import transaction_lock
from conversion_sync.store.partitions import ensure_months
from conversion_sync.store.queries import query

COLUMNS = (
    "source",
    "click_ref",
    "clicked_at",
    "visitor_id",
    "user_id",
    "network",
    "click_ids",
    "campaign",
    "landing_url",
    "referrer",
    "user_agent",
    "ip_address",
    "ad_user_data",
    "ad_personalization",
    "email_sha256",
    "browser_ids",
)


def land_click_page(engine: Engine, page: ClickPage, window_start: datetime) -> tuple[int, int]:
    """Lands one page; returns how many clicks were new or changed, and how many lay before the window.

    Of a row that stands in the page twice the last counts.
    """
    ensure_months(engine, "click", (click.clicked_at for click in page.clicks))
    with engine.begin() as connection:
        lock_clicks(connection)
        return land_clicks(connection, page, window_start)


def lock_clicks(connection: Connection) -> None:
    """Pages land one after another, because a revised row is compared with the one kept."""
    transaction_lock(connection, "land_clicks")


def land_clicks(connection: Connection, page: ClickPage, window_start: datetime) -> tuple[int, int]:
    """The same in a transaction that holds the lock, with the months of the page there."""
    stage(connection, page)
    connection.execute(query("landing/analyse_clicks"))
    landed = connection.execute(query("landing/land_clicks"), {"window_start": window_start}).one()
    for step in ("unlink_visitors_of_clicks", "link_visitors_of_clicks", "quarantine_clicks"):
        connection.execute(query(f"landing/{step}"))
    return int(landed.rows_new), int(landed.rows_late)


def stage(connection: Connection, page: ClickPage) -> None:
    """Puts a page where the landing statements read it, beside what waits there already."""
    rows = [
        (
            click.source,
            click.click_ref,
            click.clicked_at,
            click.visitor_id,
            click.user_id,
            click.network and click.network.value,
            click.click_ids,
            click.campaign,
            click.landing_url,
            click.referrer,
            click.user_agent,
            click.ip_address,
            click.ad_user_data.value,
            click.ad_personalization.value,
            click.email_sha256,
            click.browser_ids,
        )
        for click in {(click.source, click.click_ref): click for click in page.clicks}.values()
    ]
    refused = [(row.source, row.click_ref, row.reason, row.detail) for row in page.quarantined]
    connection.execute(query("landing/click_work_tables"))
    copy_rows(connection, "staged_click", COLUMNS, rows)
    copy_rows(connection, "staged_quarantined_click", ("source", "click_ref", "reason", "detail"), refused)
