-- Rows that may have arrived and can no longer be sent again are a person's to decide, never dropped. Rows are locked in the
-- order planning holds them.
-- Input:  :platform, :account, :now, :doubtful_since (rows first sent before it are past the platform's dedup promise).
-- Output: conversion. Cost: an index scan of conversion_due.
with lost as (
    select conversion_id, occurred_at
    from conversion
    where platform = :platform and account = :account and queue = 'leaving' and state = 'planned' and in_doubt
        and (deadline <= :now or first_sent_at <= :doubtful_since)
    order by conversion_id
    for update
)
update conversion as entry
set state = 'unknown', reason = 'may_have_arrived', changed_at = :now
from lost
where entry.conversion_id = lost.conversion_id and entry.occurred_at = lost.occurred_at
