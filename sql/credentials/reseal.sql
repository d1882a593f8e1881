-- The same tokens, sealed again: by a newer key, or without a former refresh token that is needed no more.
-- Input:  :platform, :account, :former, :sealed. Output: credential, if nobody changed it since. Cost: one row by key.
update credential
set sealed = :sealed
where platform = :platform and account = :account and sealed = :former
