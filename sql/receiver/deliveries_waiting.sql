-- How many webhooks wait to be landed, and how many nobody could read, by account.
-- Input:  none. Output: a row per account. Cost: one pass over webhook_inbox, which holds what is not landed yet.
select provider, account,
       count(*) filter (where parked_at is null) as waiting,
       min(received_at) filter (where parked_at is null) as oldest,
       count(parked_at) as parked,
       max(parked_reason) as reason
from webhook_inbox
group by provider, account
order by provider, account
