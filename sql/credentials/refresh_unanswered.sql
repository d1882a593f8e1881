-- When a refresh was begun whose answer is not known.
-- Input:  :platform, :account. Output: a moment or none. Cost: one row by key.
select begun_at
from credential_refresh
where platform = :platform and account = :account
