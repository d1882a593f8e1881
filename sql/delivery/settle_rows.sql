-- Writes how the platform finally answered for accepted rows; nothing but an accepted row can change here.
-- Input:  staged_outcome, :now. Output: conversion; event_key of each changed entry. Cost: primary-key probes.
update conversion as entry
set state = staged.state, reason = staged.reason, code = staged.code, in_doubt = staged.in_doubt,
    not_before = coalesce(staged.not_before, entry.not_before),
    batch_group = coalesce(staged.batch_group, entry.batch_group), changed_at = :now
from staged_outcome as staged
where entry.conversion_id = staged.conversion_id and entry.state = 'accepted'
returning entry.event_key
