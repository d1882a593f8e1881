-- Spans of the past that nobody has pulled or listed.
-- Input:  pull, :source, :read_until (all before it was read), :before. Output: hole_start, hole_end, oldest first.
-- Cost:   the pulls since read_until, by pull_window: of an account in order, those of the last window.
with pulled as (
    select range_agg(tstzrange(window_start, window_end)) as spans
    from pull
    where source = :source and window_end > :read_until
)
select lower(hole) as hole_start, upper(hole) as hole_end
from pulled
cross join unnest(tstzmultirange(tstzrange(:read_until, greatest(:read_until, cast(:before as timestamptz)))) - coalesce(spans, '{}'))
    as hole
order by hole_start
