-- Writes what became of rows that are in flight, or accepted, where it is the same for all; a row that has left that state
-- does not change. A row that was certainly not taken in has not been sent yet: the dedup promise counts from the first
-- copy in doubt. Rows are locked in the order planning holds them.
-- Input:  :conversion_ids (with commas), :earliest, :latest (times of their events),
--         :from_state, :state, :reason, :code, :not_before, :in_doubt, :counts_as_attempt, :request_ref, :batch_group,
--         :alone (each row becomes a batch group of its own), :now. Output: conversion.
-- Cost:   primary-key probes in the partitions of that time, then each row's own partition.
with held as (
    select entry.conversion_id, entry.occurred_at
    from unnest(string_to_array(:conversion_ids, ',')) as named (conversion_id)
    join conversion as entry
        on entry.conversion_id = named.conversion_id and entry.occurred_at between :earliest and :latest
    where entry.state = :from_state
    order by entry.conversion_id
    for update of entry
)
update conversion as entry
set state = cast(:state as text), reason = cast(:reason as text), code = cast(:code as text),
    later_code = case when cast(:state as text) = 'planned' then cast(:code as text) else later_code end,
    later_tries = case when cast(:state as text) <> 'planned' then later_tries
                       when cast(:code as text) is distinct from later_code then 1
                       else later_tries + 1 end,
    later_since = case when cast(:state as text) <> 'planned' then later_since
                       when cast(:code as text) is distinct from later_code then cast(:now as timestamptz)
                       else coalesce(later_since, cast(:now as timestamptz)) end,
    not_before = coalesce(cast(:not_before as timestamptz), not_before), in_doubt = cast(:in_doubt as boolean),
    attempts = attempts - case when cast(:counts_as_attempt as boolean) then 0 else 1 end,
    first_sent_at = case when cast(:state as text) in ('planned', 'held') and not cast(:in_doubt as boolean) then null else first_sent_at end,
    request_ref = coalesce(cast(:request_ref as text), request_ref),
    batch_group = case when cast(:alone as boolean) then 'alone:' || entry.conversion_id else coalesce(cast(:batch_group as text), batch_group) end,
    changed_at = cast(:now as timestamptz)
from held
where entry.conversion_id = held.conversion_id and entry.occurred_at = held.occurred_at
