-- Evidence of who is whom. Visitors whose customer it may change become dirty for `identify`, and so do customers that it may
-- make another one's: all that its user was ever named as.
-- Input:  staged_identity_link. Output: identity_link, dirty(identify), dirty(merge).
-- Cost:   a primary-key probe a link, an identity_link_to scan and a primary-key scan for the users it names.
with linked as (
    insert into identity_link as known (from_end, from_id, to_end, to_id, evidence, source_ref, linked_at)
    select from_end, from_id, to_end, to_id, evidence, source_ref, max(linked_at)
    from staged_identity_link
    group by from_end, from_id, to_end, to_id, evidence, source_ref
    on conflict (from_end, from_id, to_end, to_id, evidence, source_ref) do update
    set linked_at = excluded.linked_at
    where known.linked_at < excluded.linked_at
    returning from_end, from_id, to_end, to_id
), stale as (
    select 'identify' as room, from_id as key from linked where from_end = 'visitor'
    union
    select 'identify', browser.from_id
    from linked
    join identity_link as browser
        on browser.to_end = 'user' and browser.to_id = linked.from_id and browser.from_end = 'visitor'
    where linked.from_end = 'user'
    union
    select 'merge', from_id from linked where from_end = 'customer'
    union
    select 'merge', to_id from linked where from_end = 'user' and to_end = 'customer'
    union
    select 'merge', sibling.to_id
    from linked
    join identity_link as sibling
        on sibling.from_end = 'user' and sibling.from_id = linked.from_id and sibling.to_end = 'customer'
    where linked.from_end = 'user' and linked.to_end = 'customer'
), marked as (
    insert into dirty (room, key)
    select room, key from stale order by room, key
    on conflict (room, key) do update set marked_at = excluded.marked_at
)
select count(*) as links from linked
