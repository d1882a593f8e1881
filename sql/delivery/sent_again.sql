-- Rows in flight that leave once more: from now on a copy may have arrived.
-- Input:  :conversion_ids (array), :now. Output: conversion. Cost: primary-key probes.
update conversion
set first_sent_at = coalesce(first_sent_at, :now)
where conversion_id = any (cast(:conversion_ids as text[])) and state = 'in_flight'
