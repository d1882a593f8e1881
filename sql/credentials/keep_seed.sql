-- The first row of an account, so that there is one to lock; what another process wrote meanwhile stays.
-- Input:  :platform, :account, :sealed, :now. Output: credential. Cost: one row.
insert into credential (platform, account, sealed, renewable, connected_at)
values (:platform, :account, :sealed, true, :now)
on conflict do nothing
