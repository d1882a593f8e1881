-- Whether a claim would find a row; says the same as claim.sql. The order keeps it to the index of what is planned: without, a
-- plan may walk through everything that ever left.
-- Input:  sendable, :platform, :account, :kind, :now, :horizon. Output: a row, or none. Cost: conversion_due up to the first row.
select 1
from sendable
where platform = :platform and account = :account and kind = :kind
    and not_before <= :now and deadline > :now and occurred_at < :horizon
order by deadline, conversion_id
limit 1
