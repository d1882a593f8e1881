-- Rows whose time ran out before they could leave are planned anew: planning alone says why they are skipped, and what
-- that means for the corrections around them.
-- Input:  :platform, :account, :now. Output: dirty(plan). Cost: index scans of conversion_due up to :now and of the held rows
--         of conversion_open.
insert into dirty (room, key)
select 'plan', event_key
from conversion
where platform = :platform and account = :account and queue = 'leaving' and state = 'planned' and not in_doubt and deadline <= :now
union
select 'plan', event_key
from conversion
where platform = :platform and account = :account and queue = 'held' and deadline <= :now
    and reason in ('credential_or_configuration', 'account_setting')
order by 2
on conflict (room, key) do update set marked_at = excluded.marked_at
