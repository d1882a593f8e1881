-- Spans of time nobody pulled while the provider still listed their events.
-- Input:  pull, :source, :read_until, :listed_from (older events are gone). Output: hole_start, hole_end, oldest first.
-- Cost:   the pulls since read_until, by pull_window; as many as hours fit into the provider's retention.
with pulled as (
    select range_agg(tstzrange(window_start, window_end)) as spans
    from pull
    where source = :source and window_end > :read_until
)
select lower(hole) as hole_start, upper(hole) as hole_end
from pulled
cross join unnest(tstzmultirange(tstzrange(:read_until, :listed_from)) - coalesce(spans, '{}')) as hole
order by hole_start
