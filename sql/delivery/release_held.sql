-- Rows that waited for a credential or permission get another chance: if it is still refused they are held again.
-- Input:  :platform, :account, :now. Output: conversion. Cost: an index scan of conversion_open.
update conversion
set state = 'planned', reason = 'ready', code = null, changed_at = :now
where platform = :platform and account = :account and state = 'held' and reason = 'credential_or_configuration'
