-- The months whose ledger partitions a plan will write to.
-- Input:  dirty(plan), revenue_event, :window_start, :window_end. Output: month (timestamptz). Cost: as take_dirty_events.
select distinct date_trunc('month', event.occurred_at, 'UTC') as month
from revenue_event as event
where (event.occurred_at >= :window_start and event.occurred_at < :window_end)
    or event.event_key in (select key from dirty where room = 'plan')
    or event.parent_event_key in (select key from dirty where room = 'plan')
