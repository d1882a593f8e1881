-- Rows of one claim that leave once more: from now on a copy may have arrived. One that another delivery has claimed since
-- does not change.
-- Input:  :conversion_ids (with commas), :earliest, :latest (times of their events), :claimed_as (the claim's batch id), :now.
-- Output: conversion. Cost: primary-key probes.
update conversion
set first_sent_at = coalesce(first_sent_at, :now)
where conversion_id = any (string_to_array(:conversion_ids, ',')) and occurred_at between :earliest and :latest
    and state = 'in_flight' and batch_id = :claimed_as
