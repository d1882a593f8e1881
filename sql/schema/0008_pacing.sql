-- How fast each ad account is asked, and whether it is asked at all. Written by whoever delivers to the account, under its
-- lock; what stands here holds for every process and outlives them.

-- One bucket of an account's requests: `every`, or a kind of request the vendor counts by itself (see [limits] of the
-- catalogues). next_at is when the next request would leave if requests were spread evenly; requests and conversions
-- were counted on day (UTC). strikes counts quota answers since the last answer that was none. Until parked_until
-- nothing is asked, for parked_code and parked_text, since parked_at.
create table delivery_pace (
    platform     text        not null,
    account      text        not null,
    bucket       text        not null,
    next_at      timestamptz not null,
    day          date        not null,
    requests     integer     not null default 0,
    conversions  bigint      not null default 0,
    strikes      integer     not null default 0,
    parked_at    timestamptz,
    parked_until timestamptz,
    parked_code  text,
    parked_text  text,
    primary key (platform, account, bucket)
);

-- The circuit breaker of an account. recent marks its last answers, the newest last: x failed, o did not; leading ones that
-- did not are left out. Open from opened_at until an answer that is no failure; then one small request may go at
-- probe_at, which moves on with every one that does. openings are the pauses of this outage so far.
create table delivery_breaker (
    platform  text        not null,
    account   text        not null,
    recent    text        not null default '',
    opened_at timestamptz,
    probe_at  timestamptz,
    openings  integer     not null default 0,
    code      text,
    text      text,
    primary key (platform, account)
);

-- Why, and until when, an account's requests wait: all of them (bucket null), or those of a bucket. What is past is no pause.
create view delivery_pause as
select platform, account, null as bucket, 'breaker_open' as what, opened_at as since, probe_at as until, code, text
from delivery_breaker
where opened_at is not null
union all
select platform, account, bucket, 'parked', parked_at, parked_until, parked_code, parked_text
from delivery_pace
where parked_until is not null;
