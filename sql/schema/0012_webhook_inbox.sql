-- Webhooks as they came, from the answer 200 until their room lands them. A row that was landed is removed in the
-- transaction that lands it; one that nobody can read stays, with the reason.

create table webhook_inbox (
    inbox_id      bigint generated always as identity primary key,
    provider      text        not null,
    account       text        not null,
    received_at   timestamptz not null,
    headers       jsonb       not null, -- those that matter, by lower-case name
    body          bytea       not null, -- to the byte: what the signature is of
    parked_at     timestamptz,
    parked_reason text,
    parked_by     text,                 -- the release that could not read it; another one tries again
    check ((parked_at is null) = (parked_reason is null) and (parked_at is null) = (parked_by is null))
);
create index webhook_inbox_account on webhook_inbox (provider, account, inbox_id);
