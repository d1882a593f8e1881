-- The rows a delivery would send now, without claiming them, in the order of their batches.
-- Input:  sendable, :platform, :account, :now, :horizon. Output: conversion_id, occurred_at, kind, action. Cost: a scan of conversion_due.
select conversion_id, occurred_at, kind, action
from sendable
where platform = :platform and account = :account and not_before <= :now and deadline > :now and occurred_at < :horizon
order by kind desc, action, deadline, conversion_id
