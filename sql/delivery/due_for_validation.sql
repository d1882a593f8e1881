-- The rows a delivery would send now, without claiming them.
-- Input:  :platform, :account, :now, :horizon, :batch_size. Output: conversion_id. Cost: a scan of conversion_due.
select conversion_id
from conversion
where platform = :platform and account = :account and kind = 'conversion' and state = 'planned'
    and not_before <= :now and deadline > :now and occurred_at < :horizon
order by deadline, conversion_id
limit :batch_size
