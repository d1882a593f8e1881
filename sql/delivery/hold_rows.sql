-- Holds rows about to change, in the order planning holds them.
-- Input:  :conversion_ids (with commas), :earliest, :latest (times of their events). Output: row locks.
-- Cost:   primary-key probes in the partitions of that time.
select count(*)
from (
    select 1
    from unnest(string_to_array(:conversion_ids, ',')) as named (conversion_id)
    join conversion as entry
        on entry.conversion_id = named.conversion_id and entry.occurred_at between :earliest and :latest
    order by entry.conversion_id
    for update of entry
) held
