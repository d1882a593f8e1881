-- Rows that never left and are no longer wanted: the event is gone, or it is another action's now.
-- Input:  work_event, desired, revenue_event, conversion, :kind. Output: conversion. Cost: conversion_event probes.
update conversion as known
set state = 'superseded', reason = 'replanned', changed_at = :now
from work_event as work
left join revenue_event as event on event.event_key = work.event_key and event.retired_at is null
where known.event_key = work.event_key and known.kind = :kind and known.reason <> 'replanned'
    and known.state in ('planned', 'held', 'skipped', 'superseded') and not known.in_doubt
    and (
        event.event_key is null
        or exists (
            select 1 from desired
            where desired.event_key = known.event_key and desired.platform = known.platform
                and desired.account = known.account and desired.conversion_id <> known.conversion_id
        )
    )
