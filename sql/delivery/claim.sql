-- Claims the next batch of one account: the rows whose deadline is nearest. A claim is the intent: the rows are in
-- flight from here on, whatever happens to the process. Which rows may leave says the view sendable. Rows that are being
-- planned are waited for, in the order planning holds them: skipped, they would be left for another delivery.
-- Rows of one batch share a batch group (set when a platform failed a part of a request without saying which part),
-- and an action where :per_action is set.
-- A row keeps the target it is sent to: copies and corrections go there too, whatever the configuration says by then.
-- Input:  sendable, :platform, :account, :kind, :now, :horizon (end of the run's window), :per_action, :batch_size,
--         :batch_id, :targets (json: by action what it is called at the account).
-- Output: conversion_id and occurred_at of each claimed row, nearest deadline first.
-- Cost:   an index scan of conversion_due, stopped at the batch size; for each of its rows a probe of click, or of
--         conversion_parent and dirty.
with due as not materialized (
    select conversion_id, occurred_at, deadline, batch_group, action
    from sendable
    where platform = :platform and account = :account and kind = :kind
        and not_before <= :now and deadline > :now and occurred_at < :horizon
), lead as (
    select batch_group, action from due order by deadline, conversion_id limit 1
), chosen as (
    select due.conversion_id, due.occurred_at
    from due, lead
    where due.batch_group = lead.batch_group and (due.action = lead.action or not :per_action)
    order by due.deadline, due.conversion_id
    limit :batch_size
), picked as (
    select entry.conversion_id, entry.occurred_at, entry.deadline
    from chosen
    join conversion as entry using (conversion_id, occurred_at)
    where entry.state = 'planned' and entry.not_before <= :now and entry.deadline > :now
    order by entry.conversion_id
    for update of entry
), claimed as (
    update conversion as entry
    set state = 'in_flight', reason = 'sent', attempts = entry.attempts + 1, batch_id = :batch_id,
        first_sent_at = coalesce(entry.first_sent_at, :now), changed_at = :now,
        sent_target = coalesce(case when entry.in_doubt then entry.sent_target end,
                               cast(:targets as jsonb) -> entry.action)
    from picked
    where entry.conversion_id = picked.conversion_id and entry.occurred_at = picked.occurred_at
    returning entry.conversion_id, entry.occurred_at, picked.deadline
)
select conversion_id, occurred_at from claimed order by deadline, conversion_id
