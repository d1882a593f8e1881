-- The enabled accounts with requests to ask after now. Input: :now. Output: platform, account, requests.
-- Cost: an index scan of settlement_poll_due up to :now.
select platform, account, count(*) as requests
from settlement_poll
join plan_account using (platform, account)
where done_at is null and next_poll_at <= :now
group by platform, account
order by platform, account
