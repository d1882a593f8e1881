-- Rows that may have arrived and can no longer be sent again are a person's to decide, never dropped.
-- Input:  :platform, :account, :now, :doubtful_since (rows first sent before it are past the platform's dedup promise).
-- Output: conversion. Cost: an index scan of conversion_due.
update conversion
set state = 'unknown', reason = 'may_have_arrived', changed_at = :now
where platform = :platform and account = :account and state = 'planned' and in_doubt
    and (deadline <= :now or first_sent_at <= :doubtful_since)
