-- A refresh begins: written, and committed, before its request leaves.
-- Input:  :platform, :account, :now. Output: credential_refresh. Cost: one row by key.
insert into credential_refresh (platform, account, begun_at)
values (:platform, :account, :now)
on conflict (platform, account) do update set begun_at = excluded.begun_at
