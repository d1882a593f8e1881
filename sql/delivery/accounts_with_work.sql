-- Whether an enabled account has rows that became due, corrections whose payment was confirmed since, or rows that waited
-- for a pause of the account that ended since. What is left alone for now is no work.
-- Input:  :now, :since (rows due before it were seen by a run already). Output: platform, account.
-- Cost:   an index scan of conversion_due; a few pauses.
with pause as (
    select platform, account, kind, max(until) as until
    from delivery_pause
    join (values ('conversion', 'conversions'), ('adjustment', 'corrections')) as lane (kind, own)
        on coalesce(bucket, 'every') in ('every', lane.own)
    group by platform, account, kind
)
select distinct platform, account
from plan_account
join conversion as entry using (platform, account)
left join pause using (platform, account, kind)
where entry.queue = 'leaving' and entry.state = 'planned' and entry.not_before <= :now and entry.deadline > :now
    and coalesce(pause.until, :now) <= :now
    and (entry.not_before > :since or pause.until > :since
         or kind = 'adjustment' and entry.reason = 'ready' and entry.changed_at > :since)
order by platform, account
