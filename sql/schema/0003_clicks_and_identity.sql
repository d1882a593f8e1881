-- Clicks as the user's tables tell them, who is whom, and the touches of people who pay.

-- One row per visit. network is where the tags of a visit without click ids point. Partitioned by the month of the click; retention is a DROP.
create table click (
    source             text        not null,
    click_ref          text        not null,
    clicked_at         timestamptz not null,
    visitor_id         text        not null,
    user_id            text,
    network            text,
    click_ids          jsonb       not null default '{}',
    campaign           text,
    landing_url        text,
    referrer           text,
    user_agent         text,
    ip_address         text,
    ad_user_data       text        not null,
    ad_personalization text        not null,
    ingested_at        timestamptz not null default now(),
    primary key (source, click_ref, clicked_at),
    check ((network is null) = (click_ids <> '{}'))
) partition by range (clicked_at);
create index click_visitor on click (visitor_id, clicked_at);

-- The time each click is kept under: a row whose time was corrected is found in its month, and replaced.
create table click_time (
    source     text        not null,
    click_ref  text        not null,
    clicked_at timestamptz not null,
    primary key (source, click_ref)
);

-- Rows of a click table that cannot be used, each with its reason.
create table quarantined_click (
    source         text        not null,
    click_ref      text        not null,
    reason         text        not null,
    detail         text        not null,
    quarantined_at timestamptz not null default now(),
    primary key (source, click_ref, reason)
);

-- Evidence that one id belongs to another; the latest link of an id wins. Evidence of a click table is what its rows say now,
-- all other is only added to.
create table identity_link (
    from_end    text        not null check (from_end in ('visitor', 'user')),
    from_id     text        not null,
    to_end      text        not null check (to_end in ('user', 'customer')),
    to_id       text        not null,
    evidence    text        not null,
    source_ref  text        not null,
    linked_at   timestamptz not null,
    observed_at timestamptz not null default now(),
    primary key (from_end, from_id, to_end, to_id, evidence, source_ref)
);
create index identity_link_to on identity_link (to_end, to_id);

-- The customer each visitor belongs to, as the links say now. One row per linked visitor.
create table visitor_customer (
    visitor_id   text        primary key,
    customer_key text        not null,
    evidence     text        not null,
    linked_at    timestamptz not null
);
create index visitor_customer_customer on visitor_customer (customer_key);

-- The clicks of visitors who belong to a customer: narrow, in the order attribution reads them. A visit gives one
-- touch for each network it has an identifier of, or else one by its tags. Holds every fact of a click that attribution and
-- planning decide by, so that a revised one makes its payments stale.
create table touch (
    source        text        not null,
    click_ref     text        not null,
    customer_key  text        not null,
    touched_at    timestamptz not null,
    visitor_id    text        not null,
    network       text        not null,
    click_id_kind text,
    click_id      text,
    campaign      text,
    ad_user_data  text        not null,
    primary key (source, click_ref, touched_at, network)
);
create index touch_customer on touch (customer_key, touched_at) include (network);
create index touch_visitor on touch (visitor_id);
