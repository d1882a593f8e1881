-- An account whose credential or configuration is refused holds all that is due, without spending attempts. Rows are locked
-- in the order planning holds them.
-- Input:  :platform, :account, :code (the answer's), :now, :horizon. Output: conversion. Cost: an index scan of conversion_due.
with due as (
    select conversion_id, occurred_at
    from conversion
    where platform = :platform and account = :account and queue = 'leaving' and state = 'planned' and not in_doubt
        and not_before <= :now and deadline > :now and occurred_at < :horizon
    order by conversion_id
    for update
)
update conversion as entry
set state = 'held', reason = 'credential_or_configuration', code = :code, changed_at = :now
from due
where entry.conversion_id = due.conversion_id and entry.occurred_at = due.occurred_at
