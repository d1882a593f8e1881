-- Rows in flight whose whole request was refused: no copy of them may have arrived, until they are sent again.
-- Input:  :conversion_ids (array). Output: conversion. Cost: primary-key probes.
update conversion
set first_sent_at = null
where conversion_id = any (cast(:conversion_ids as text[])) and state = 'in_flight' and not in_doubt
