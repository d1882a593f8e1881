-- Corrections are planned anew when it is known what became of their payment, or of another correction of it.
-- Input:  :conversion_ids (with commas), :earliest, :latest (times of their events). Output: dirty(plan).
-- Cost:   primary-key probes in the partitions of that time; probes of revenue_event_parent.
with known as (
    select entry.kind, entry.event_key
    from unnest(string_to_array(:conversion_ids, ',')) as named (conversion_id)
    join conversion as entry
        on entry.conversion_id = named.conversion_id and entry.occurred_at between :earliest and :latest
), correction as (
    select child.event_key
    from known
    join revenue_event as child on child.parent_event_key = known.event_key
    where known.kind = 'conversion'
    union
    select sibling.event_key
    from known
    join revenue_event as own using (event_key)
    join revenue_event as sibling on sibling.parent_event_key = own.parent_event_key
    where known.kind = 'adjustment' and sibling.event_key <> known.event_key
)
insert into dirty (room, key)
select 'plan', event_key from correction
order by 2
on conflict (room, key) do update set marked_at = excluded.marked_at
