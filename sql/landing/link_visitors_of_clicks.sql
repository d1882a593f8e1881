-- A click row that names both a browser and a user is evidence that the browser is the user's.
-- Input:  staged_click. Output: identity_link, dirty(identify). Cost: one primary-key probe a pair.
with pair as (
    select visitor_id, user_id, source, max(clicked_at) as linked_at
    from staged_click
    where user_id is not null
    group by visitor_id, user_id, source
), linked as (
    insert into identity_link as known (from_end, from_id, to_end, to_id, evidence, source_ref, linked_at)
    select 'visitor', visitor_id, 'user', user_id, 'click_table', source, linked_at from pair
    on conflict (from_end, from_id, to_end, to_id, evidence, source_ref) do update
    set linked_at = excluded.linked_at
    where known.linked_at < excluded.linked_at
    returning from_id
)
insert into dirty (room, key)
select distinct 'identify', from_id from linked
order by 2
on conflict (room, key) do update set marked_at = excluded.marked_at
