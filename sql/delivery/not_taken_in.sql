-- Rows in flight whose whole request was refused: no copy of them may have arrived, until they are sent again.
-- Input:  :conversion_ids (with commas), :earliest, :latest (times of their events). Output: conversion. Cost: primary-key probes.
update conversion
set first_sent_at = null
where conversion_id = any (string_to_array(:conversion_ids, ',')) and occurred_at between :earliest and :latest
    and state = 'in_flight' and not in_doubt
