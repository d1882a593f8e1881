-- What an account still awaits confirmation of. Input: :platform, :account. Output: requests, oldest, next_poll_at.
-- Cost: an index scan of settlement_poll_open.
select count(*) as requests, min(accepted_at) as oldest, min(next_poll_at) as next_poll_at
from settlement_poll
where platform = :platform and account = :account and done_at is null
