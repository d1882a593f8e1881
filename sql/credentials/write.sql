-- Tokens that were just given out, in place of the former ones.
-- Input:  :platform, :account, :sealed, :obtained_at, :access_expires_at, :refresh_expires_at, :renewable,
--         :connected_at and :refreshed_at (null: as it was). Output: credential. Cost: one row by key.
insert into credential as known (
    platform, account, sealed, obtained_at, access_expires_at, refresh_expires_at, renewable, connected_at, refreshed_at)
values (
    :platform, :account, :sealed, :obtained_at, :access_expires_at, :refresh_expires_at, :renewable,
    coalesce(cast(:connected_at as timestamptz), :obtained_at), :refreshed_at)
on conflict (platform, account) do update set
    sealed = excluded.sealed, obtained_at = excluded.obtained_at, access_expires_at = excluded.access_expires_at,
    refresh_expires_at = excluded.refresh_expires_at, renewable = excluded.renewable,
    connected_at = coalesce(cast(:connected_at as timestamptz), known.connected_at),
    refreshed_at = coalesce(excluded.refreshed_at, known.refreshed_at),
    refused_at = null, refused_code = '', refused_text = ''
