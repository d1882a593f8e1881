-- Rows a delivery left in flight when its process died: whoever holds the account's lock knows that nobody else works.
-- Input:  :platform, :account. Output: conversion_id, occurred_at, first_sent_at (null: no copy may have arrived). Cost: an index scan of conversion_due.
select conversion_id, occurred_at, first_sent_at
from conversion
where platform = :platform and account = :account and queue = 'leaving' and state = 'in_flight'
order by conversion_id
