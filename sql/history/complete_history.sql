-- The past of a billing account is known: what waited for that is planned anew.
-- Input:  :provider, :account, :now, :prefix (provider:account:). Output: billing_history, dirty(plan).
-- Cost:   the held rows of the ledger, by conversion_open; once an account.
with complete as (
    update billing_history
    set complete_at = :now
    where provider = :provider and account = :account and complete_at is null
    returning provider
)
insert into dirty (room, key)
select distinct 'plan', entry.event_key
from complete
join conversion as entry on entry.queue = 'held' and entry.reason = 'history_incomplete' and starts_with(entry.event_key, :prefix)
order by 2
on conflict (room, key) do update set marked_at = excluded.marked_at
