-- Payments a changed touch can matter to: the payer's, whichever customer made them, from that touch on. A refund follows
-- its payment's path.
-- Input:  changed_customer, customer_alias, revenue_event. Output: dirty(attribute).
-- Cost:   customer_alias_canonical and revenue_event_customer scans.
with member as (
    select customer_key, touched_at from changed_customer
    union all
    select known.customer_key, changed.touched_at
    from changed_customer as changed
    join customer_alias as known on known.canonical_key = changed.customer_key
)
insert into dirty (room, key)
select distinct 'attribute', event.event_key
from member
join revenue_event as event
    on event.customer_key = member.customer_key and event.occurred_at >= member.touched_at
where event.retired_at is null
order by 2
on conflict (room, key) do update set marked_at = excluded.marked_at
