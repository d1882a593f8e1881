"""Small factories of rows, so that a test says only what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, text

from conversion_sync.attribution.attribute import attribute
from conversion_sync.attribution.identify import identify
from conversion_sync.clicks.source import ClickPage
from conversion_sync.delivery.plan import plan
from conversion_sync.model.click import Click, ClickIdKind, Consent, Network
from conversion_sync.model.revenue import EventKind, lane_of
from conversion_sync.model.windows import Window
from conversion_sync.pipeline.land_clicks import land_click_page
from conversion_sync.store.copy import copy_rows
from conversion_sync.store.partitions import ensure_months
from conversion_sync.store.queries import query

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
EVERYTHING = Window(NOW - 400 * DAY, NOW + 400 * DAY)
TINY = Window(NOW + 399 * DAY, NOW + 400 * DAY)
"""A window nothing lies in: only what is stale is redone."""
CUSTOMER = "stripe:main:cus_1"
MODELS = ("last_non_direct", "linear", "position_based", "time_decay")

ACCOUNTS = {
    "google_ads": ("google", 90 * DAY, 90 * DAY, 90 * DAY, timedelta(), 6 * HOUR, True, True, 54 * DAY),
    "meta": ("meta", 28 * DAY, 7 * DAY, None, HOUR, timedelta(), False, False, timedelta()),
    "tiktok": ("tiktok", 28 * DAY, 7 * DAY, None, HOUR, timedelta(), False, False, timedelta()),
    "linkedin": ("linkedin", 90 * DAY, 90 * DAY, None, HOUR, timedelta(), False, False, timedelta()),
    "reddit": ("reddit", 28 * DAY, 7 * DAY, None, HOUR, timedelta(), False, False, timedelta()),
    "microsoft_ads": ("microsoft", 90 * DAY, 90 * DAY, None, HOUR, timedelta(), True, True, 90 * DAY),
}


def microseconds(span: timedelta | None) -> int | None:
    return None if span is None else span // timedelta(microseconds=1)


def configure(
    engine: Engine,
    *platforms: str,
    rules: Sequence[tuple[str, str]] = (),
    value_rule: str = "net_cash",
    accounts: Sequence[str] = ("main",),
) -> None:
    """Enables accounts of platforms and maps event kinds to actions on each."""
    with engine.begin() as connection:
        copy_rows(
            connection,
            "plan_account",
            (
                "platform",
                "account",
                "network",
                "click_window_us",
                "max_event_age_us",
                "max_click_age_us",
                "deadline_margin_us",
                "min_click_age_us",
                "can_restate",
                "can_retract",
                "adjustment_window_us",
            ),
            [
                (
                    platform,
                    account,
                    *(
                        microseconds(fact) if isinstance(fact, timedelta) else fact
                        for fact in ACCOUNTS[platform]
                    ),
                )
                for platform in platforms
                for account in accounts
            ],
        )
        copy_rows(
            connection,
            "plan_rule",
            ("platform", "account", "event_kind", "action", "value_rule"),
            [
                (platform, account, kind, action, value_rule)
                for platform in platforms
                for account in accounts
                for kind, action in rules
            ],
        )
        copy_rows(
            connection,
            "attribution_window",
            ("network", "window_us"),
            [(network.value, microseconds(90 * DAY)) for network in Network],
        )


def click(
    ref: str,
    ago: timedelta,
    kind: ClickIdKind | None = ClickIdKind.GCLID,
    *,
    click_id: str | None = None,
    ids: Mapping[ClickIdKind, str] | None = None,
    visitor: str = "v1",
    user: str | None = None,
    network: Network = Network.DIRECT,
    campaign: str | None = None,
    consent: Consent = Consent.GRANTED,
    email: str | None = None,
) -> Click:
    """A visit `ago` before NOW; of an ad when `kind` is given, else of `network`. `ids`: all of them."""
    if ids is None:
        ids = {} if kind is None else {kind: click_id or f"id-{ref}"}
    return Click(
        source="web",
        click_ref=ref,
        clicked_at=NOW - ago,
        visitor_id=visitor,
        user_id=user,
        network=None if ids else network,
        click_ids={kind.value: value for kind, value in ids.items()},
        campaign=campaign,
        landing_url="https://shop.example/",
        referrer=None,
        user_agent="Mozilla/5.0",
        ip_address=None,
        ad_user_data=consent,
        ad_personalization=consent,
        email_sha256=email,
    )


def land(engine: Engine, *clicks: Click) -> None:
    """Lands clicks as a pull does."""
    land_click_page(engine, ClickPage(clicks=clicks, quarantined=()), NOW - 400 * DAY)


def link(engine: Engine, from_end: str, from_id: str, to_end: str, to_id: str, ago: timedelta = DAY) -> None:
    """Evidence that one id belongs to another, with what it makes stale."""
    with engine.begin() as connection:
        connection.execute(query("landing/book_work_tables"))
        evidence = (from_end, from_id, to_end, to_id, "test", "test", NOW - ago)
        copy_rows(connection, "staged_identity_link", LINK_COLUMNS, [evidence])
        connection.execute(query("landing/upsert_identity_links"))


LINK_COLUMNS = ("from_end", "from_id", "to_end", "to_id", "evidence", "source_ref", "linked_at")
EVENT_COLUMNS = (
    "event_key",
    "provider",
    "provider_account",
    "livemode",
    "kind",
    "lane",
    "occurred_at",
    "occurred_at_precision",
    "source_event_id",
    "source_object_type",
    "source_object_id",
    "parent_event_key",
    "customer_key",
    "currency",
    "exponent",
    "gross_minor",
    "tax_minor",
    "net_minor",
    "discount_minor",
    "net_after_minor",
    "cumulative_refunded_minor",
    "is_first_for_customer",
    "is_first_for_subscription",
    "is_trial",
    "reconstructed",
    "content_hash",
    "transport",
)


def event_row(
    key: str,
    kind: EventKind,
    ago: timedelta,
    *,
    net: int = 0,
    tax: int = 0,
    parent: str | None = None,
    left: int | None = None,
    refunded: int | None = None,
    currency: str = "USD",
    customer: str | None = CUSTOMER,
    account: str = "stripe:main",
    livemode: bool = True,
    object_id: str | None = None,
    content_hash: str = "hash",
) -> tuple[object, ...]:
    """A revenue event `ago` before NOW, by EVENT_COLUMNS."""
    return (
        key,
        *account.split(":"),
        livemode,
        kind.value,
        lane_of(kind).value,
        NOW - ago,
        "second",
        f"evt_{key}",
        "invoice",
        object_id or key,
        parent,
        customer,
        currency,
        0 if currency == "JPY" else 2,
        net + tax,
        tax,
        net,
        0,
        left,
        refunded,
        False,
        False,
        False,
        False,
        content_hash,
        "events",
    )


def event(engine: Engine, key: str, kind: EventKind, ago: timedelta, **options: Any) -> None:
    """A revenue event, marked stale for the rooms downstream as normalising does."""
    ensure_months(engine, "conversion", [NOW - ago])
    with engine.begin() as connection:
        copy_rows(connection, "revenue_event", EVENT_COLUMNS, [event_row(key, kind, ago, **options)])
        mark(engine, key, connection=connection)


def mark(engine: Engine, key: str, *, connection: Any) -> None:
    """What changed facts make stale."""
    connection.execute(
        text(
            "insert into dirty select room, :key from unnest(array['attribute', 'plan']) as room "
            "on conflict (room, key) do nothing"
        ),
        {"key": key},
    )


def rooms(
    engine: Engine, now: datetime = NOW, window: Window = EVERYTHING, *, match_email: bool = False
) -> None:
    """Identify, attribute and plan."""
    identify(engine, match_email=match_email)
    attribute(engine, window, models=MODELS, half_life=7 * DAY)
    plan(engine, window, now)


def rows(engine: Engine, statement: str, **values: object) -> list[tuple[Any, ...]]:
    """The rows of a query as plain tuples."""
    with engine.begin() as connection:
        found: Iterable[Row[Any]] = connection.execute(text(statement), values)
        return [tuple(row) for row in found]


def ledger(engine: Engine, key: str) -> dict[str, tuple[str, str, int | None]]:
    """Per platform the current row of an event: state, reason, value."""
    return {
        platform: (state, reason, value)
        for platform, state, reason, value in rows(
            engine,
            "select platform, state, reason, value_minor from conversion "
            "where event_key = :key and reason <> 'replanned'",
            key=key,
        )
    }


def by_force(connection: Connection) -> None:
    """In this transaction rows may be put where no delivery and no plan could put them."""
    connection.execute(text("set local session_replication_role = replica"))


def set_state(engine: Engine, key: str, state: str, reason: str = "confirmed") -> None:
    """Puts an event's rows where a delivery would have put them."""
    with engine.begin() as connection:
        by_force(connection)
        connection.execute(
            text("update conversion set state = :state, reason = :reason where event_key = :key"),
            {"key": key, "state": state, "reason": reason},
        )
