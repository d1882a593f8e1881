-- The account's tokens as they are now.
-- Input:  :platform, :account. Output: a row or none. Cost: one row by key.
select sealed, obtained_at, access_expires_at, refresh_expires_at, refused_at
from credential
where platform = :platform and account = :account
