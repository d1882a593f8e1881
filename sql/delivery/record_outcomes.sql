-- Writes what became of rows in flight; nothing but a row in flight can change here.
-- Input:  staged_outcome, :now. Output: conversion; conversion_id of each changed entry. Cost: primary-key probes.
update conversion as entry
set state = staged.state, reason = staged.reason, code = staged.code,
    not_before = coalesce(staged.not_before, entry.not_before), in_doubt = staged.in_doubt,
    attempts = entry.attempts - case when staged.counts_as_attempt then 0 else 1 end,
    first_sent_at = case when staged.state = 'planned' and not staged.in_doubt then null else entry.first_sent_at end,
    request_ref = coalesce(staged.request_ref, entry.request_ref),
    batch_group = coalesce(staged.batch_group, entry.batch_group), changed_at = :now
from staged_outcome as staged
where entry.conversion_id = staged.conversion_id and entry.state = 'in_flight'
returning entry.conversion_id
