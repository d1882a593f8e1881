-- A click row that names a browser with a user or an e-mail is evidence that the browser is theirs.
-- Input:  staged_click. Output: identity_link, dirty(identify). Cost: one primary-key probe a pair.
with pair as (
    select visitor_id, 'user' as to_end, user_id as to_id, source, clicked_at
    from staged_click
    where user_id is not null
    union all
    select visitor_id, 'email', email_sha256, source, clicked_at
    from staged_click
    where email_sha256 is not null
), linked as (
    insert into identity_link as known (from_end, from_id, to_end, to_id, evidence, source_ref, linked_at)
    select 'visitor', visitor_id, to_end, to_id, 'click_table', source, max(clicked_at)
    from pair
    group by visitor_id, to_end, to_id, source
    on conflict (from_end, from_id, to_end, to_id, evidence, source_ref) do update
    set linked_at = excluded.linked_at
    where known.linked_at < excluded.linked_at
    returning from_id
)
insert into dirty (room, key)
select distinct 'identify', from_id from linked
order by 2
on conflict (room, key) do update set marked_at = excluded.marked_at
