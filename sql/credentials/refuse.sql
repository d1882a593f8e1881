-- The platform refused the account's token or its renewal.
-- Input:  :platform, :account, :now, :code, :text. Output: credential. Cost: one row by key.
update credential
set refused_at = :now, refused_code = :code, refused_text = :text
where platform = :platform and account = :account
