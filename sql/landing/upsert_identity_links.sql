-- Evidence found in billing records. Visitors whose customer it may change become dirty for `identify`.
-- Input:  staged_identity_link. Output: identity_link, dirty(identify).
-- Cost:   a primary-key probe a link, and an identity_link_to scan for the users it names.
with linked as (
    insert into identity_link as known (from_end, from_id, to_end, to_id, evidence, source_ref, linked_at)
    select from_end, from_id, to_end, to_id, evidence, source_ref, max(linked_at)
    from staged_identity_link
    group by from_end, from_id, to_end, to_id, evidence, source_ref
    on conflict (from_end, from_id, to_end, to_id, evidence, source_ref) do update
    set linked_at = excluded.linked_at
    where known.linked_at < excluded.linked_at
    returning from_end, from_id
), visitor as (
    select from_id as visitor_id from linked where from_end = 'visitor'
    union
    select browser.from_id
    from linked
    join identity_link as browser on browser.to_end = 'user' and browser.to_id = linked.from_id
    where linked.from_end = 'user'
), marked as (
    insert into dirty (room, key)
    select distinct 'identify', visitor_id from visitor order by 2
    on conflict (room, key) do update set marked_at = excluded.marked_at
)
select count(*) as links from linked
