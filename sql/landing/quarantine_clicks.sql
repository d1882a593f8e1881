-- Keeps the reason a row of a click table could not be used; of a row read again, what it says now.
-- Input:  staged_quarantined_click, staged_click. Output: quarantined_click. Cost: a primary-key probe or two a row.
with reread as (
    select source, click_ref from staged_click
    union
    select source, click_ref from staged_quarantined_click
), mended as (
    delete from quarantined_click as known
    using reread
    where known.source = reread.source and known.click_ref = reread.click_ref
        and not exists (
            select 1 from staged_quarantined_click as staged
            where staged.source = known.source and staged.click_ref = known.click_ref and staged.reason = known.reason
        )
)
insert into quarantined_click (source, click_ref, reason, detail)
select distinct on (source, click_ref, reason) source, click_ref, reason, detail
from staged_quarantined_click
order by source, click_ref, reason, detail
on conflict do nothing
