-- The books: one row per (revenue event, platform account, action, kind), and every attempt at it.

-- The enabled ad accounts and the mapping of event kinds to their actions, written from the configuration by each run.
create table plan_account (
    platform             text    not null,
    account              text    not null,
    network              text    not null,
    click_window_us      bigint  not null,
    max_event_age_us     bigint  not null,
    max_click_age_us     bigint,
    deadline_margin_us   bigint  not null,
    min_click_age_us     bigint  not null,
    can_restate          boolean not null,
    can_retract          boolean not null,
    adjustment_window_us bigint  not null,
    final_click_kinds    text[]  not null default '{}',
    primary key (platform, account)
);
create table plan_rule (
    platform    text     not null,
    account     text     not null,
    event_kind  text     not null,
    action      text     not null,
    value_rule  text     not null check (value_rule in ('net_cash', 'gross', 'fixed', 'multiple')),
    fixed_minor bigint,
    fixed_currency text,
    fixed_exponent smallint,
    factor      numeric,
    primary key (platform, account, event_kind)
);

-- What a value rule makes of a payment's net and gross, in minor units; nothing is left of a payment refunded in full.
create function ruled_value(value_rule text, net bigint, gross bigint, factor numeric, fixed bigint)
returns bigint language sql immutable parallel safe as $$
    select case
        when net <= 0 and gross <= 0 and value_rule <> 'fixed' then 0
        when value_rule = 'net_cash' then net
        when value_rule = 'gross' then gross
        when value_rule = 'multiple' then round_half_even(net * factor)
        when value_rule = 'fixed' then fixed
    end
$$;

-- One row, one state, one reason. value_minor is what the platform is told (an adjustment: the new absolute value).
-- net_minor is billing's net behind that value when it was planned; what billing changes later shows beside it.
-- book_minor is what the row changes at the platform once settled (an adjustment: negative), so that sums reconcile.
-- first_sent_at is when the first copy left that may have arrived; null while none may. sent_target is what the action was
-- called at the account when it left.
-- later_code is why the row last went back to planned, which happened later_tries times in a row since later_since.
-- Partitioned by the month of the event; written only under the planning lock or by a claim.
create table conversion (
    conversion_id        text        not null,
    event_key            text        not null,
    platform             text        not null,
    account              text        not null,
    action               text        not null,
    kind                 text        not null check (kind in ('conversion', 'adjustment')),
    verb                 text        not null check (verb in ('send', 'restate', 'retract')),
    event_kind           text        not null,
    state                text        not null check (state in ('planned', 'in_flight', 'accepted', 'settled', 'held',
                                         'skipped', 'rejected', 'unknown', 'superseded')),
    reason               text        not null,
    value_minor          bigint,
    book_minor           bigint      not null,
    net_minor            bigint,
    currency             text,
    exponent             smallint,
    occurred_at          timestamptz not null,
    click_source         text,
    click_ref            text,
    clicked_at           timestamptz,
    click_id_kind        text,
    click_id             text,
    vendor_id            text        not null,
    parent_conversion_id text,
    adjusted_at          timestamptz,
    not_before           timestamptz,
    deadline             timestamptz,
    attempts             integer     not null default 0,
    in_doubt             boolean     not null default false,
    first_sent_at        timestamptz,
    sent_target          jsonb,
    batch_id             text,
    batch_group          text        not null default '',
    request_ref          text,
    code                 text,
    later_code           text,
    later_tries          integer     not null default 0,
    later_since          timestamptz,
    planned_at           timestamptz not null default now(),
    changed_at           timestamptz not null default now(),
    primary key (conversion_id, occurred_at)
) partition by range (occurred_at);
create index conversion_event on conversion (event_key);
create index conversion_parent on conversion (parent_conversion_id) where parent_conversion_id is not null;
create index conversion_due on conversion (platform, account, kind, deadline, conversion_id) where state = 'planned';
create index conversion_request on conversion (platform, account, request_ref) where state = 'accepted';
create index conversion_time on conversion (platform, account, occurred_at);
create index conversion_open on conversion (platform, account, state)
    where state in ('in_flight', 'accepted', 'held', 'unknown', 'rejected');

-- Planned rows that nothing but time holds back; delivery claims and checks these alone. A conversion: its visitor has not
-- refused since it was planned. A correction: the platform holds what it corrects, its plan is not stale, and no other
-- correction of the same payment is open or goes before it. What it is worth depends on what became of those before it,
-- so they leave one after the other, the ones that may have arrived first. Each look-up is a scalar subquery: probes for
-- the rows a claim reaches, where `exists` could be answered by reading the whole ledger once.
create view sendable as
select entry.conversion_id, entry.occurred_at, entry.platform, entry.account, entry.kind, entry.action,
       entry.not_before, entry.deadline, entry.batch_group
from conversion as entry
where entry.state = 'planned'
    and (entry.kind = 'adjustment' or coalesce((
        select visit.ad_user_data
        from click_time as kept
        join click as visit
            on visit.source = kept.source and visit.click_ref = kept.click_ref and visit.clicked_at = kept.clicked_at
        where kept.source = entry.click_source and kept.click_ref = entry.click_ref
    ), 'unknown') <> 'denied')
    and (entry.kind = 'conversion' or (
        (
            select bool_or(original.state = 'settled') from conversion as original
            where original.conversion_id = entry.parent_conversion_id
        )
        and (select count(*) from dirty where dirty.room = 'plan' and dirty.key = entry.event_key) = 0
        and not exists (
            select 1 from conversion as sibling
            where sibling.parent_conversion_id = entry.parent_conversion_id
                and sibling.conversion_id <> entry.conversion_id
                and (
                    sibling.state in ('in_flight', 'accepted')
                    or (sibling.in_doubt and not entry.in_doubt)
                    or (sibling.state = 'planned' and sibling.in_doubt = entry.in_doubt
                        and (sibling.adjusted_at, sibling.conversion_id) < (entry.adjusted_at, entry.conversion_id))
                )
        )
    ));

-- Every request, twice: the intent committed before it leaves, the outcome after. Append-only; each row carries the
-- digest of the one before it in its account's chain. `phase` intent | outcome | settlement | recovery | operator (what a
-- person decided: who, and their note, in `text`).
create table delivery_attempt (
    attempt_id     bigint generated always as identity,
    at             timestamptz not null,
    platform       text        not null,
    account        text        not null,
    conversion_id  text        not null,
    batch_id       text        not null,
    phase          text        not null check (phase in ('intent', 'outcome', 'settlement', 'recovery', 'operator')),
    outcome        text,
    code           text,
    text           text,
    request_ref    text,
    request_sha256 text,
    run_id         text,
    prev_digest    text        not null,
    digest         text        not null,
    primary key (attempt_id, at)
) partition by range (at);
create index delivery_attempt_conversion on delivery_attempt (conversion_id);
create index delivery_attempt_chain on delivery_attempt (platform, account, attempt_id);

-- The end of each account's chain.
create table delivery_chain (
    platform text not null,
    account  text not null,
    digest   text not null,
    primary key (platform, account)
);

-- A batch a platform took in and will confirm later. `entries` and `counts` (reason -> rows) are the last answer's: the
-- rows that were asked after, and how many of them the platform counted under each of its reasons.
create table settlement_poll (
    platform    text        not null,
    account     text        not null,
    request_ref text        not null,
    accepted_at timestamptz not null,
    next_poll_at timestamptz not null,
    polls       integer     not null default 0,
    done_at     timestamptz,
    status      text,
    entries     integer,
    counts      jsonb       not null default '{}',
    primary key (platform, account, request_ref)
);
create index settlement_poll_due on settlement_poll (next_poll_at) where done_at is null;
create index settlement_poll_open on settlement_poll (platform, account, accepted_at) where done_at is null;
