-- Per credit model, how many events have shares that do not sum to the event's net.
-- Input:  :start, :end (aware times or infinity). Output: model, events; only models that have some.
-- Cost:   revenue_event_time for the span, credit primary-key probes.
select model, count(*) as events
from (
    select credit.model, event.event_key
    from revenue_event as event
    join credit using (event_key)
    where event.retired_at is null
        and event.occurred_at >= cast(:start as timestamptz) and event.occurred_at < cast(:end as timestamptz)
    group by credit.model, event.event_key, event.net_minor
    having sum(credit.credit_minor) <> event.net_minor
) as drift
group by model
order by model
