-- Where a page of clicks waits to be landed. Dropped with the transaction.
create temporary table if not exists staged_click (
    source text, click_ref text, clicked_at timestamptz, visitor_id text, user_id text, network text,
    click_ids jsonb, campaign text, landing_url text, referrer text, user_agent text, ip_address text,
    ad_user_data text, ad_personalization text, email_sha256 text, browser_ids jsonb
) on commit drop;
create temporary table if not exists left_link (
    visitor_id text, to_end text, to_id text, source text
) on commit drop;
create temporary table if not exists staged_quarantined_click (
    source text, click_ref text, reason text, detail text
) on commit drop
