-- Which click earned which payment.

-- How far back each network's clicks count, written from the configuration before each attribution.
create table attribution_window (
    network   text   primary key,
    window_us bigint not null
);

-- Per event and ad account: the last click inside the platform's own window, which delivery sends, and the last one outside.
create table attributed_click (
    event_key       text        not null,
    platform        text        not null,
    account         text        not null,
    touches         integer     not null,
    source          text,
    click_ref       text,
    clicked_at      timestamptz,
    click_id_kind   text,
    click_id        text,
    ad_user_data    text,
    last_outside_at timestamptz,
    primary key (event_key, platform, account)
);

-- Reporting credit: per event, model and touch. Sums over a model are the event's net to the minor unit.
create table credit (
    event_key    text        not null,
    model        text        not null,
    source       text        not null,
    click_ref    text        not null,
    touched_at   timestamptz not null,
    network      text        not null,
    campaign     text,
    position     integer     not null,
    weight       double precision not null,
    credit_minor bigint      not null,
    primary key (event_key, model, source, click_ref, touched_at, network)
);
