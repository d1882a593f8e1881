-- Tokens that are fetched and renewed. Secrets are sealed by the program: the database never sees one.
-- Times are UTC. A row is locked while its tokens are renewed, so that one process at a time does it.

create table credential (
    platform text not null,
    account text not null,
    sealed text not null,              -- access, refresh and former refresh token, and the configured seed
    obtained_at timestamptz,           -- of the access token; null before the first one
    access_expires_at timestamptz,     -- null: it does not end, or there is none yet
    refresh_expires_at timestamptz,    -- null: there is none, or it has no end of its own
    renewable boolean not null,        -- whether there is a refresh token
    connected_at timestamptz not null, -- of the consent, or of the configured seed's first use
    refreshed_at timestamptz,
    refused_at timestamptz,            -- of the last refusal, null once a token came again
    refused_code text not null default '',
    refused_text text not null default '',
    primary key (platform, account)
);

-- A refresh that was begun, written before its request leaves and gone with its answer. One that is left
-- tells that an answer was lost: the platform may have replaced the refresh token by one nobody knows.
create table credential_refresh (
    platform text not null,
    account text not null,
    begun_at timestamptz not null,
    primary key (platform, account)
);
