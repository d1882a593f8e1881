-- Rows that wait for a person, by account and reason, with the last thing the platform said about one of them.
-- Input:  :since (rejected rows of events since then). Output: a row per group. Cost: conversion_open, conversion_time since then.
with waiting as (
    select platform, account, state, reason, conversion_id
    from conversion
    where queue in ('held', 'unknown')
    union all
    select platform, account, state, reason, conversion_id
    from conversion
    where queue = 'rejected' and occurred_at >= :since
), counted as (
    select platform, account, state, reason, count(*) as entries, max(conversion_id) as example
    from waiting
    group by platform, account, state, reason
)
select counted.*, coalesce(said.code, '') as code, coalesce(said.text, '') as text
from counted
left join lateral (
    select code, text
    from delivery_attempt as attempt
    where attempt.conversion_id = counted.example and attempt.phase <> 'intent'
    order by attempt.attempt_id desc
    limit 1
) as said on true
order by platform, account, state, reason
