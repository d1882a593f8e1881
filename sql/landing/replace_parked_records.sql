-- What could not be understood of some customers' records, replacing what could not before.
-- Input:  staged_parked_record, :customers (array of customer keys). Output: parked_record. Cost: index probes.
with gone as (
    delete from parked_record as known
    where known.customer_key = any (:customers)
        and not exists (
            select 1 from staged_parked_record as staged
            where staged.provider = known.provider and staged.account = known.account
                and staged.source_ref = known.source_ref and staged.reason = known.reason
        )
)
insert into parked_record (provider, account, source_ref, reason, detail, customer_key)
select distinct on (provider, account, source_ref, reason) provider, account, source_ref, reason, detail, customer_key
from staged_parked_record
order by provider, account, source_ref, reason, detail
on conflict (provider, account, source_ref, reason) do update
set detail = excluded.detail, customer_key = excluded.customer_key
