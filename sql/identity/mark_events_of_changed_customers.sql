-- Payments a changed touch can matter to: the customer's, from that touch on. A refund follows its payment's path.
-- Input:  changed_customer, revenue_event. Output: dirty(attribute). Cost: revenue_event_customer scans.
insert into dirty (room, key)
select 'attribute', event_key
from (
    select event.event_key
    from changed_customer as changed
    join revenue_event as event
        on event.customer_key = changed.customer_key and event.occurred_at >= changed.touched_at
    where event.retired_at is null
) touched_event
order by 2
on conflict (room, key) do update set marked_at = excluded.marked_at
