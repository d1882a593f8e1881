-- Corrections are planned anew when it is known what became of their payment, or of another correction of it.
-- Input:  :conversion_ids (array). Output: dirty(plan). Cost: probes of revenue_event_parent.
insert into dirty (room, key)
select 'plan', event_key
from (
    select child.event_key
    from conversion as entry
    join revenue_event as child on child.parent_event_key = entry.event_key
    where entry.conversion_id = any (cast(:conversion_ids as text[])) and entry.kind = 'conversion'
    union
    select sibling.event_key
    from conversion as entry
    join revenue_event as own on own.event_key = entry.event_key
    join revenue_event as sibling on sibling.parent_event_key = own.parent_event_key
    where entry.conversion_id = any (cast(:conversion_ids as text[])) and entry.kind = 'adjustment'
        and sibling.event_key <> entry.event_key
) correction
order by 2
on conflict (room, key) do update set marked_at = excluded.marked_at
