-- Who is whom when one link is not enough: e-mail hashes, customers that are one payer, evidence that contradicts itself.

-- An e-mail stands as the SHA-256 of its trimmed, lower-case text (Rule.EMAIL_PLAIN), and only where matching by it is on.
alter table click add column email_sha256 text;

-- A customer may be another one's: they moved from one billing system to the other, from_id to to_id.
alter table identity_link drop constraint identity_link_from_end_check, drop constraint identity_link_to_end_check;
alter table identity_link
    add constraint identity_link_from_end_check check (from_end in ('visitor', 'user', 'customer')),
    add constraint identity_link_to_end_check check (to_end in ('user', 'customer', 'email'));

-- Customers that are one payer: into_key is the one it became last, canonical_key the end of that chain, under which
-- touches stand. One row a customer that became another.
create table customer_alias (
    customer_key  text        primary key,
    into_key      text        not null,
    canonical_key text        not null,
    evidence      text        not null,
    source_ref    text        not null,
    linked_at     timestamptz not null
);
create index customer_alias_into on customer_alias (into_key);
create index customer_alias_canonical on customer_alias (canonical_key);

-- Visitors whose evidence names several customers at once, and customers whose evidence says so of several others, each
-- with every one it could be. They belong to none of them until later evidence decides. first_click_at: of a visitor, when
-- its evidence was weighed.
create table quarantined_identity (
    of_end         text        not null check (of_end in ('visitor', 'customer')),
    of_id          text        not null,
    candidate      text        not null,
    reason         text        not null,
    evidence       text        not null,
    source_ref     text        not null,
    linked_at      timestamptz not null,
    first_click_at timestamptz,
    quarantined_at timestamptz not null default now(),
    primary key (of_end, of_id, candidate)
);
create index quarantined_identity_candidate on quarantined_identity (candidate);

create index customer_identifier_email on customer_identifier (value) where rule = 'email_plain';

-- Whether visitors and customers are matched by e-mail, as the configuration of the last run said.
create table identity_setting (
    only_row    boolean primary key default true check (only_row),
    match_email boolean not null
);
insert into identity_setting (match_email) values (false);

-- How far evidence is believed where two links are of one moment: the lower number wins. What a company wrote into billing
-- comes before what its pages said, and that before what its click table holds.
create function evidence_rank(evidence text)
returns integer language sql immutable strict parallel safe as $$
    select case
        when starts_with(evidence, 'billing_metadata') then 1
        when evidence = 'client_reference_id' then 2
        when evidence = 'collector_identify' then 3
        when evidence = 'click_table' then 4
        else 5
    end
$$;

-- The billing account of a customer key, provider:account.
create function account_of(customer_key text)
returns text language sql immutable strict parallel safe as $$
    select split_part(customer_key, ':', 1) || ':' || split_part(customer_key, ':', 2)
$$;

-- Rooms of dirty, one more: merge (key: customer), worked off by `identify` before its visitors.
insert into dirty (room, key)
select distinct 'merge', to_id from identity_link where from_end = 'user' and to_end = 'customer'
on conflict do nothing;
