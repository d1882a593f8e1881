-- The enabled accounts with requests to ask after now, but for those that are left alone. Input: :now.
-- Output: platform, account, requests. Cost: an index scan of settlement_poll_due up to :now; a few pauses.
select platform, account, count(*) as requests
from settlement_poll
join plan_account using (platform, account)
where done_at is null and next_poll_at <= :now
    and not exists (
        select 1 from delivery_pause as pause
        where pause.platform = settlement_poll.platform and pause.account = settlement_poll.account
            and pause.until > :now and coalesce(pause.bucket, 'every') in ('every', 'questions')
    )
group by platform, account
order by platform, account
