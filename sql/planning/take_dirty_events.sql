-- The events to plan: those a change made stale and all of the window, with the payments and corrections around them.
-- Input:  dirty(plan), revenue_event, :window_start, :window_end (null: only what is stale).
-- Output: temporary table work_event (event_key).
-- Cost:   the rows taken, an index scan of revenue_event_time, and probes of revenue_event_parent.
with taken as (
    delete from dirty where room = 'plan' returning key
), chosen as (
    select key as event_key from taken
    union
    select event_key from revenue_event
    where occurred_at >= :window_start and occurred_at < :window_end and retired_at is null
), family as (
    select event_key from chosen
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
