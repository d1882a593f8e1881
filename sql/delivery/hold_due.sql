-- An account whose credential or configuration is refused holds all that is due, without spending attempts.
-- Input:  :platform, :account, :code (the answer's), :now, :horizon. Output: conversion. Cost: an index scan of conversion_due.
update conversion
set state = 'held', reason = 'credential_or_configuration', code = :code, changed_at = :now
where platform = :platform and account = :account and state = 'planned' and not in_doubt
    and not_before <= :now and deadline > :now and occurred_at < :horizon
