-- How much of the past of each billing account has been read. Nothing of an account is uploaded before all of it is
-- known up to the first pull: whether a payment is a customer's first depends on it.
-- read_until: everything from read_from until here was read, as objects or, later, as events in their time.
create table billing_history (
    provider     text        not null,
    account      text        not null,
    read_from    timestamptz not null,
    read_until   timestamptz not null,
    wanted_until timestamptz not null,
    complete_at  timestamptz,
    primary key (provider, account),
    check (read_from <= read_until)
);

-- Which way the records of a pull came: events | objects | webhook | backfill.
alter table pull add column transport text not null default 'events';
