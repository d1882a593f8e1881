-- How each ad account stands now.
-- Input:  :now. Output: a row per enabled account. Cost: conversion_due, conversion_open and settlement_poll_open; the newest attempt of each account.
select ad.platform, ad.account,
       coalesce(stand.planned, 0) as planned, coalesce(stand.due, 0) as due, stand.oldest_due, stand.next_deadline,
       coalesce(stand.in_flight, 0) as in_flight, coalesce(open.accepted, 0) as accepted,
       coalesce(open.held, 0) as held, coalesce(open.unknown, 0) as unknown,
       last_delivery.at as last_delivery,
       coalesce(asked.awaited, 0) as awaited, asked.oldest_awaited
from plan_account as ad
left join lateral (
    select count(*) filter (where state = 'planned') as planned,
           count(*) filter (where state = 'in_flight') as in_flight,
           count(*) filter (where due) as due,
           min(occurred_at) filter (where due) as oldest_due,
           min(deadline) filter (where state = 'planned' and deadline > :now) as next_deadline
    from (
        select state, occurred_at, deadline,
               state = 'planned' and not_before <= :now and deadline > :now and reason <> 'waits_for_original' as due
        from conversion
        where platform = ad.platform and account = ad.account and queue = 'leaving'
    ) as waiting
) as stand on true
left join lateral (
    select count(*) filter (where queue = 'accepted') as accepted,
           count(*) filter (where queue = 'held') as held,
           count(*) filter (where queue = 'unknown') as unknown
    from conversion
    where platform = ad.platform and account = ad.account and queue in ('accepted', 'held', 'unknown')
) as open on true
left join lateral (
    select at from delivery_attempt
    where platform = ad.platform and account = ad.account
    order by attempt_id desc
    limit 1
) as last_delivery on true
left join lateral (
    select count(*) as awaited, min(accepted_at) as oldest_awaited
    from settlement_poll
    where platform = ad.platform and account = ad.account and done_at is null
) as asked on true
order by ad.platform, ad.account
