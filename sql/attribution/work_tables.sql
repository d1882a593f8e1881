-- What one step of `attribute` works on. Dropped with the transaction.
create temporary table work_event (
    event_key text primary key, alive boolean not null, customer_key text, attributed_at timestamptz,
    net_minor bigint, credited boolean, delivered boolean
) on commit drop;
create temporary table path (
    event_key text not null, source text not null, click_ref text not null, touched_at timestamptz not null,
    network text not null, click_id_kind text, click_id text, campaign text, ad_user_data text not null,
    age_us bigint not null
) on commit drop;
create temporary table found_click (like attributed_click) on commit drop;
create temporary table found_credit (like credit) on commit drop
