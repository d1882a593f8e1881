-- Rows in flight that leave once more: from now on a copy may have arrived.
-- Input:  :conversion_ids (with commas), :earliest, :latest (times of their events), :now. Output: conversion. Cost: primary-key probes.
update conversion
set first_sent_at = coalesce(first_sent_at, :now)
where conversion_id = any (string_to_array(:conversion_ids, ',')) and occurred_at between :earliest and :latest
    and state = 'in_flight'
