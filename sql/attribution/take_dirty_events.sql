-- The events to attribute: those a change made stale, and all of the window, so that re-running an hour repairs it.
-- Input:  dirty(attribute), revenue_event, customer_alias, :window_start, :window_end.
-- Output: temporary table work_event. customer_key is the payer's, under which touches stand;
--         attributed_at is the payment's time, for a correction its original's.
-- Cost:   the rows taken and an index scan of revenue_event_time for the window.
with taken as (
    delete from dirty where room = 'attribute' returning key
), chosen as (
    select key as event_key from taken
    union
    select event_key from revenue_event
    where occurred_at >= :window_start and occurred_at < :window_end and retired_at is null
)
insert into work_event (event_key, alive, customer_key, attributed_at, net_minor, credited, delivered)
select chosen.event_key,
       event.event_key is not null and event.retired_at is null,
       coalesce(alias.canonical_key, event.customer_key),
       coalesce(original.occurred_at, event.occurred_at),
       event.net_minor,
       event.kind not in ('credit', 'credit_reversed')
           and (event.lane = 'money' or event.kind in ('trial_started', 'free_started')),
       event.kind not in ('refund', 'refund_reversed', 'chargeback', 'chargeback_reversed', 'payment_reversed')
from chosen
left join revenue_event as event on event.event_key = chosen.event_key
left join revenue_event as original on original.event_key = event.parent_event_key
left join customer_alias as alias on alias.customer_key = event.customer_key
