-- Holds the rows about to change in the order planning holds them. Input: staged_outcome. Output: row locks. Cost: probes.
select count(*)
from (
    select 1
    from conversion as entry
    join staged_outcome using (conversion_id)
    order by entry.conversion_id
    for update of entry
) locked
