-- The accounts that are left alone for now: down, or a quota is used up. A breaker stays open until an answer closes it.
-- Input:  :now. Output: a row per pause, bucket empty where it is of all requests. Cost: one pass over a few rows.
select platform, account, coalesce(bucket, '') as bucket, what, since, until, coalesce(code, '') as code, coalesce(text, '') as text
from delivery_pause
join plan_account using (platform, account)
where what = 'breaker_open' or until > :now
order by platform, account, bucket
