-- The events to plan: those a change made stale and all of the window, with the payments and corrections around them, and
-- what the payer paid first under other billing accounts, which one of these may have come before.
-- Input:  dirty(plan), revenue_event, customer_alias, :window_start, :window_end (null: only what is stale).
-- Output: temporary table work_event (event_key).
-- Cost:   the rows taken, an index scan of revenue_event_time, and probes of revenue_event_parent; for payers of several
--         customers an index scan of revenue_event_customer.
with taken as (
    delete from dirty where room = 'plan' returning key
), chosen as (
    select key as event_key from taken
    union
    select event_key from revenue_event
    where occurred_at >= :window_start and occurred_at < :window_end and retired_at is null
), payer as (
    select distinct coalesce(alias.canonical_key, whole.canonical_key) as canonical_key
    from chosen
    join revenue_event as event using (event_key)
    left join customer_alias as alias on alias.customer_key = event.customer_key
    left join lateral (
        select canonical_key from customer_alias where canonical_key = event.customer_key limit 1
    ) as whole on true
    where alias.canonical_key is not null or whole.canonical_key is not null
), family as (
    select event_key from chosen
    union
    select event.event_key
    from payer
    join lateral (
        select payer.canonical_key as customer_key
        union
        select customer_key from customer_alias where canonical_key = payer.canonical_key
    ) as member on true
    join revenue_event as event
        on event.customer_key = member.customer_key and event.kind = 'first_payment' and event.retired_at is null
    union
    select event.parent_event_key
    from chosen
    join revenue_event as event using (event_key)
    where event.parent_event_key is not null
)
insert into work_event (event_key)
select event_key from family
union
select child.event_key
from family
join revenue_event as child on child.parent_event_key = family.event_key
