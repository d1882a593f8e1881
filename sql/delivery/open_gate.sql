-- Makes sure an account has its breaker and its buckets, and reads them.
-- Input:  :platform, :account, :buckets (array), :now. Output: a row per bucket, with the account's breaker beside it.
-- Cost:   primary-key probes.
with breaker as (
    insert into delivery_breaker as kept (platform, account) values (:platform, :account)
    on conflict (platform, account) do update set platform = excluded.platform
    returning kept.recent, kept.opened_at, kept.probe_at, kept.openings, kept.code, kept.text
), pace as (
    insert into delivery_pace as kept (platform, account, bucket, next_at, day)
    select :platform, :account, bucket, :now, (cast(:now as timestamptz) at time zone 'UTC')::date
    from unnest(cast(:buckets as text[])) as bucket
    order by bucket
    on conflict (platform, account, bucket) do update set platform = excluded.platform
    returning kept.bucket, kept.strikes, kept.parked_at, kept.parked_until, kept.parked_code, kept.parked_text
)
select pace.*, breaker.* from pace, breaker order by bucket
