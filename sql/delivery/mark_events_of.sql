-- The events of some rows are planned anew. Input: :event_keys (array). Output: dirty(plan). Cost: a probe each.
insert into dirty (room, key)
select distinct 'plan', key from unnest(cast(:event_keys as text[])) as key
order by 2
on conflict (room, key) do update set marked_at = excluded.marked_at
