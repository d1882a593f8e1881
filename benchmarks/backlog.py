"""A ledger with many rows that are due: payments of people who clicked, planned and not yet sent."""

from __future__ import annotations

from sqlalchemy import Engine, text

from conversion_sync.store.partitions import ensure_months

CLICKS = """
insert into click (source, click_ref, clicked_at, visitor_id, click_ids, landing_url, user_agent,
                   ip_address, ad_user_data, ad_personalization)
select 'web', 'c' || n, now() - interval '30 hours' - n * interval '100 milliseconds', 'v' || n,
       jsonb_build_object(cast(:kind as text), md5(n::text)), 'https://shop.example/pricing?plan=' || n % 7,
       'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0',
       '198.51.100.' || n % 250, 'granted', 'granted'
from generate_series(1, :rows) as n
"""
TIMES = "insert into click_time select source, click_ref, clicked_at from click"
EVENTS = """
insert into revenue_event (event_key, provider, provider_account, livemode, kind, lane, occurred_at,
    occurred_at_precision, source_event_id, source_object_type, source_object_id, customer_key,
    currency, exponent, gross_minor, tax_minor, net_minor, discount_minor, is_first_for_customer,
    is_first_for_subscription, is_trial, reconstructed, content_hash, transport)
select 'stripe:main:in_' || n || '/first', 'stripe', 'main', true, 'first_payment', 'money',
       now() - interval '20 hours' - n * interval '100 milliseconds', 'second', 'evt_' || n, 'invoice',
       'in_' || n, 'stripe:main:cus_' || n, 'USD', 2, 1000 + n % 9000, 0, 1000 + n % 9000, 0, true,
       true, false, false, 'h', 'events'
from generate_series(1, :rows) as n
"""
CONVERSIONS = """
insert into conversion (conversion_id, event_key, platform, account, action, kind, verb, event_kind,
    state, reason, value_minor, book_minor, net_minor, currency, exponent, occurred_at, click_source,
    click_ref, clicked_at, click_id_kind, click_id, vendor_id, not_before, deadline)
select id, event_key, :platform, 'main', 'purchase', 'conversion', 'send', 'first_payment',
       'planned', 'ready', net_minor, net_minor, net_minor, 'USD', 2, occurred_at, 'web',
       visit.click_ref, visit.clicked_at, :kind, visit.click_ids ->> cast(:kind as text), 'cs_' || id,
       occurred_at, occurred_at + interval '6 days'
from revenue_event
cross join lateral conversion_id(event_key, :platform, 'main', 'purchase', 'conversion') as id
join click as visit on visit.click_ref = 'c' || substr(source_event_id, 5)
"""


def fill(engine: Engine, platform: str, click_kind: str, rows: int) -> None:
    """Writes `rows` due conversions of one account, with their events and clicks, and gathers statistics."""
    months = (
        "select generate_series(now() - interval '62 days', now() + interval '31 days', interval '20 days')"
    )
    with engine.begin() as connection:
        moments = list(connection.scalars(text(months)))
    for table in ("click", "conversion", "delivery_attempt"):
        ensure_months(engine, table, moments)
    with engine.begin() as connection:
        for statement in (CLICKS, TIMES, EVENTS, CONVERSIONS):
            connection.execute(text(statement), {"platform": platform, "kind": click_kind, "rows": rows})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("vacuum analyze"))
