-- Rows of click tables that were put aside since then and still are, by reason, with one of each.
-- Input:  :since. Output: a row per table and reason. Cost: one pass over quarantined_click.
select source, reason, count(*) as entries, max(quarantined_at) as newest, min(click_ref) as example,
       min(detail) as detail
from quarantined_click
where quarantined_at >= :since
group by source, reason
order by source, reason
