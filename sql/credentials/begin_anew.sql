-- Another seed was configured: what came of the former one is given up.
-- Input:  :platform, :account, :sealed, :now. Output: credential. Cost: one row by key.
update credential
set sealed = :sealed, obtained_at = null, access_expires_at = null, refresh_expires_at = null, renewable = true,
    connected_at = :now, refreshed_at = null, refused_at = null, refused_code = '', refused_text = ''
where platform = :platform and account = :account
