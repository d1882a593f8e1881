-- The newest pull of each source. Input: none. Output: a row per source. Cost: one pass over pull, a row per source and hour.
select distinct on (source)
       source, window_end as read_until, pulled_at, rows_seen, rows_new, rows_late, rows_quarantined
from pull
order by source, window_end desc, pull_id desc
