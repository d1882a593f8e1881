-- What is known of every account's tokens, without the tokens.
-- Input:  none. Output: a row an account. Cost: one row an account.
select credential.platform, credential.account, credential.renewable, credential.obtained_at,
    credential.access_expires_at, credential.refresh_expires_at, credential.connected_at, credential.refreshed_at,
    credential.refused_at, credential.refused_code, credential.refused_text, refresh.begun_at as unanswered_since
from credential
left join credential_refresh as refresh using (platform, account)
order by platform, account
