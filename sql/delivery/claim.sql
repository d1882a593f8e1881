-- Claims the next batch of one account: the rows whose deadline is nearest. A claim is the intent: the rows are in
-- flight from here on, whatever happens to the process. Corrections wait until the platform holds what they correct.
-- Rows of one batch share a batch group (set when a platform failed a part of a request without saying which part),
-- and an action where :per_action is set.
-- Input:  :platform, :account, :kind, :now, :horizon (end of the run's window), :per_action, :batch_size, :batch_id.
-- Output: conversion_id of each claimed row, nearest deadline first. Cost: an index scan of conversion_due, stopped at the batch size.
with lead as (
    select entry.batch_group, entry.action
    from conversion as entry
    where entry.platform = :platform and entry.account = :account and entry.kind = :kind and entry.state = 'planned'
        and entry.not_before <= :now and entry.deadline > :now and entry.occurred_at < :horizon
        and (entry.kind = 'conversion' or exists (
            select 1 from conversion as original
            where original.conversion_id = entry.parent_conversion_id and original.state = 'settled'
        ))
    order by entry.deadline, entry.conversion_id
    limit 1
), picked as (
    select entry.conversion_id, entry.occurred_at, entry.deadline
    from conversion as entry, lead
    where entry.platform = :platform and entry.account = :account and entry.kind = :kind and entry.state = 'planned'
        and entry.not_before <= :now and entry.deadline > :now and entry.occurred_at < :horizon
        and entry.batch_group = lead.batch_group
        and (entry.action = lead.action or not :per_action)
        and (entry.kind = 'conversion' or exists (
            select 1 from conversion as original
            where original.conversion_id = entry.parent_conversion_id and original.state = 'settled'
        ))
    order by entry.deadline, entry.conversion_id
    limit :batch_size
    for update of entry skip locked
), claimed as (
    update conversion as entry
    set state = 'in_flight', reason = 'sent', attempts = entry.attempts + 1, batch_id = :batch_id,
        first_sent_at = coalesce(entry.first_sent_at, :now), changed_at = :now
    from picked
    where entry.conversion_id = picked.conversion_id and entry.occurred_at = picked.occurred_at
    returning entry.conversion_id, picked.deadline
)
select conversion_id from claimed order by deadline, conversion_id
