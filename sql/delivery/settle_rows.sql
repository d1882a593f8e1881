-- Writes how the platform finally answered for accepted rows; nothing but an accepted row can change here.
-- Input:  staged_outcome, :now. Output: conversion; event_key of each changed entry. Cost: primary-key probes.
update conversion as entry
set state = staged.state, reason = staged.reason, code = staged.code, in_doubt = staged.in_doubt,
    later_code = case when staged.state = 'planned' then staged.code else entry.later_code end,
    later_tries = case when staged.state <> 'planned' then entry.later_tries
                       when staged.code is distinct from entry.later_code then 1
                       else entry.later_tries + 1 end,
    later_since = case when staged.state <> 'planned' then entry.later_since
                       when staged.code is distinct from entry.later_code then :now
                       else coalesce(entry.later_since, :now) end,
    first_sent_at = case when staged.state in ('planned', 'held') and not staged.in_doubt then null
                         else entry.first_sent_at end,
    not_before = coalesce(staged.not_before, entry.not_before),
    batch_group = coalesce(staged.batch_group, entry.batch_group), changed_at = :now
from staged_outcome as staged
where entry.conversion_id = staged.conversion_id and entry.state = 'accepted'
returning entry.event_key
