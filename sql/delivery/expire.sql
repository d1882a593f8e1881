-- Rows whose time ran out before they could leave. One that may have arrived is a human's to decide, never dropped.
-- Input:  :platform, :account, :now, :doubtful_since (rows first sent before it are past the platform's dedup promise).
-- Output: conversion. Cost: an index scan of conversion_due.
update conversion
set state = case when in_doubt then 'unknown' else 'skipped' end,
    reason = case when in_doubt then 'may_have_arrived'
                  when kind = 'adjustment' then 'adjustment_too_old'
                  else 'event_too_old' end,
    changed_at = :now
where platform = :platform and account = :account and state = 'planned'
    and (deadline <= :now or (in_doubt and first_sent_at <= :doubtful_since))
