-- Rows that never left and are no longer wanted: the event is gone, or it is another action's now.
-- Input:  work_event, desired, revenue_event, conversion, :kind, :now. Output: conversion.
-- Cost:   conversion_event and revenue_event probes for the events at work, one scan of desired.
with unwanted as (
    select known.conversion_id, known.occurred_at
    from work_event
    join conversion as known using (event_key)
    left join revenue_event as event on event.event_key = known.event_key and event.retired_at is null
    left join desired
        on desired.event_key = known.event_key and desired.platform = known.platform
        and desired.account = known.account and desired.conversion_id <> known.conversion_id
    where known.kind = :kind and known.reason <> 'replanned'
        and known.state in ('planned', 'held', 'skipped', 'superseded') and not known.in_doubt
        and (event.event_key is null or desired.conversion_id is not null)
)
update conversion
set state = 'superseded', reason = 'replanned', changed_at = :now
from unwanted
where conversion.conversion_id = unwanted.conversion_id and conversion.occurred_at = unwanted.occurred_at
