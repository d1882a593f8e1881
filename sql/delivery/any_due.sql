-- Whether a claim would find a row; says the same as claim.sql.
-- Input:  sendable, :platform, :account, :kind, :now, :horizon. Output: a row, or none. Cost: conversion_due up to the first row.
select 1
from sendable
where platform = :platform and account = :account and kind = :kind
    and not_before <= :now and deadline > :now and occurred_at < :horizon
limit 1
