-- A refresh was answered.
-- Input:  :platform, :account. Output: credential_refresh. Cost: one row by key.
delete from credential_refresh
where platform = :platform and account = :account
