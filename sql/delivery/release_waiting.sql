-- Rows that a delivery put back only because it pauses itself may go again with it; waits that the platform asked for, or an
-- earlier delivery set, stay as they are.
-- Input:  :conversion_ids (with commas), :earliest, :latest (times of their events), :now. Output: conversion. Cost: primary-key probes.
update conversion
set not_before = :now, changed_at = :now
where conversion_id = any (string_to_array(:conversion_ids, ',')) and occurred_at between :earliest and :latest
    and state = 'planned' and reason in ('waits_retry', 'resend_in_doubt') and not_before > :now
