-- How far the past of every billing account has been read. Input: none.
-- Output: provider, account, read_from, read_until, wanted_until, complete_at. Cost: one row an account.
select provider, account, read_from, read_until, wanted_until, complete_at
from billing_history
order by provider, account
