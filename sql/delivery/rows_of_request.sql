-- The rows of an accepted request, in the order they were sent.
-- Input:  :platform, :account, :request_ref. Output: conversion_id, occurred_at, batch_id. Cost: an index scan of conversion_request.
select conversion_id, occurred_at, batch_id
from conversion
where platform = :platform and account = :account and queue = 'accepted' and request_ref = :request_ref
order by deadline, conversion_id
