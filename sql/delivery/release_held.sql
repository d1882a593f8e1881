-- Rows that waited for a credential or permission get another chance: if it is still refused they are held again. Rows are
-- locked in the order planning holds them.
-- Input:  :platform, :account, :now. Output: conversion. Cost: an index scan of conversion_open.
with waiting as (
    select conversion_id, occurred_at
    from conversion
    where platform = :platform and account = :account and queue = 'held' and reason = 'credential_or_configuration'
    order by conversion_id
    for update
)
update conversion as entry
set state = 'planned', reason = 'ready', code = null, changed_at = :now
from waiting
where entry.conversion_id = waiting.conversion_id and entry.occurred_at = waiting.occurred_at
