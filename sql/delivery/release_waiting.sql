-- Rows that wait for a retry may go again: the delivery that put them there has waited itself.
-- Input:  :platform, :account, :now, :until (how far ahead a retry's delay may lie). Output: conversion. Cost: conversion_due.
update conversion
set not_before = :now, changed_at = :now
where platform = :platform and account = :account and state = 'planned' and attempts > 0
    and reason in ('waits_retry', 'resend_in_doubt') and not_before > :now and not_before <= :until
