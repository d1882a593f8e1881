-- What browsers tell the collector, from the answer 204 until the clicks room lands it and removes it in the same transaction.

create table collector_inbox (
    inbox_id    bigint generated always as identity primary key,
    kind        text        not null check (kind in ('click', 'identify')),
    received_at timestamptz not null,
    visitor_id  text        not null, -- the browser's, of its own making
    body        jsonb       not null, -- one click, or one user, as the browser told it; times are its clock's
    user_agent  text,                 -- of the request, as is
    ip_address  text                  -- the peer's, or what a trusted proxy says it is
);

-- Ids of the browser at a network, by the network's name for them (fbp, ttp): they say who came, not which ad was clicked.
alter table click add column browser_ids jsonb not null default '{}';
