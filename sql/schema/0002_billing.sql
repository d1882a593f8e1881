-- What the billing systems said (raw_event, kept as is) and what it means (revenue_event).

-- One row per provider record, as received. Partitioned by the month it was created; retention is a DROP.
-- customer_ref is what the record says; resolved_customer also what its payment or invoice says.
create table raw_event (
    provider          text        not null,
    account           text        not null,
    event_id          text        not null,
    event_type        text        not null,
    created_at        timestamptz not null,
    livemode          boolean     not null,
    api_version       text,
    customer_ref      text,
    invoice_ref       text,
    payment_ref       text,
    resolved_customer text,
    transport         text        not null,
    body              json        not null,
    body_sha256       text        not null,
    observed_at       timestamptz not null default now(),
    primary key (provider, account, event_id, created_at)
) partition by range (created_at);
create index raw_event_customer on raw_event (provider, account, resolved_customer);
create index raw_event_time on raw_event (created_at);
create index raw_event_unresolved_payment on raw_event (provider, account, payment_ref)
    where resolved_customer is null and payment_ref is not null;
create index raw_event_unresolved_invoice on raw_event (provider, account, invoice_ref)
    where resolved_customer is null and invoice_ref is not null;

-- Which customer a payment or invoice belongs to, learnt from records that say so.
create table billing_ref (
    provider     text not null,
    account      text not null,
    ref          text not null, -- payment:<id> | invoice:<id>
    customer_ref text not null,
    primary key (provider, account, ref)
);

-- Payments and invoices that a record named together, in both directions.
create table billing_ref_link (
    provider text not null,
    account  text not null,
    ref      text not null,
    other    text not null,
    primary key (provider, account, ref, other)
);

-- One row per pull: what was asked, what came, and how late it was. Append-only.
create table pull (
    pull_id      bigint generated always as identity primary key,
    source       text        not null,
    window_start timestamptz not null,
    window_end   timestamptz not null,
    rows_seen    bigint      not null,
    rows_new     bigint      not null,
    rows_late    bigint      not null,
    rows_quarantined bigint  not null default 0,
    run_id       text,
    pulled_at    timestamptz not null default now()
);
create index pull_window on pull (source, window_start);

-- Raw records the normaliser would not guess about, with the reason. Shown in the run, never fatal.
create table parked_record (
    provider     text        not null,
    account      text        not null,
    source_ref   text        not null,
    reason       text        not null,
    detail       text        not null,
    customer_key text,
    parked_at    timestamptz not null default now(),
    primary key (provider, account, source_ref, reason)
);
create index parked_record_customer on parked_record (customer_key);

-- One row per billing fact. Units: minor units of `currency`, 10^exponent of which make one; refunds negative.
-- A fact that re-classification replaced keeps its row, retired, as long as the ledger refers to it.
create table revenue_event (
    event_key                 text        primary key,
    provider                  text        not null,
    provider_account          text        not null,
    livemode                  boolean     not null,
    kind                      text        not null,
    lane                      text        not null check (lane in ('money', 'state')),
    expansion                 text,
    is_full                   boolean,
    occurred_at               timestamptz not null,
    occurred_at_precision     text        not null,
    source_event_id           text        not null,
    source_api_version        text,
    source_object_type        text        not null,
    source_object_id          text        not null,
    parent_event_key          text,
    customer_key              text,
    customer_ref              text,
    customer_country          text,
    subscription_ref          text,
    invoice_ref               text,
    payment_ref               text,
    currency                  text,
    exponent                  smallint,
    gross_minor               bigint      not null,
    tax_minor                 bigint      not null,
    net_minor                 bigint      not null,
    discount_minor            bigint      not null,
    credit_applied_minor      bigint,
    off_provider_minor        bigint,
    cumulative_refunded_minor bigint,
    net_after_minor           bigint,
    interval                  text,
    interval_count            integer,
    price_ref_before          text,
    price_ref_after           text,
    quantity_before           bigint,
    quantity_after            bigint,
    mrr_before_minor          bigint,
    mrr_after_minor           bigint,
    is_first_for_customer     boolean     not null,
    is_first_for_subscription boolean     not null,
    is_trial                  boolean     not null,
    reconstructed             boolean     not null,
    period_start              timestamptz,
    period_end                timestamptz,
    click_ids                 jsonb       not null default '{}',
    revision                  integer     not null default 1,
    content_hash              text        not null,
    transport                 text        not null,
    observed_at               timestamptz not null default now(),
    retired_at                timestamptz,
    check (gross_minor = net_minor + tax_minor),
    check (lane = 'state' or (currency is not null and exponent is not null))
);
create index revenue_event_time on revenue_event (occurred_at) where retired_at is null;
create index revenue_event_customer on revenue_event (customer_key, occurred_at);
create index revenue_event_parent on revenue_event (parent_event_key) where parent_event_key is not null;
create index revenue_event_object on revenue_event (provider, provider_account, source_object_id);

-- What a change made stale and the next room must redo. Written in the transaction of the change, removed in the
-- transaction that redoes it, so that a crash between rooms loses nothing and an hour costs what changed in it.
-- room: normalise (key: provider:account:customer) | identify (key: visitor) | attribute, plan (key: event).
create table dirty (
    room      text        not null,
    key       text        not null,
    marked_at timestamptz not null default now(),
    primary key (room, key)
);
