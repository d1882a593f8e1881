-- Keeps the reason a row of a click table could not be used.
-- Input:  staged_quarantined_click. Output: quarantined_click. Cost: one primary-key probe a row.
insert into quarantined_click (source, click_ref, reason, detail)
select distinct on (source, click_ref, reason) source, click_ref, reason, detail
from staged_quarantined_click
order by source, click_ref, reason, detail
on conflict do nothing
