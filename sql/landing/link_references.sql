-- Links a payment and an invoice that one record names together, in both directions.
-- Input:  staged_raw_event. Output: billing_ref_link. Cost: one primary-key probe a staged row.
insert into billing_ref_link (provider, account, ref, other)
select distinct provider, account, ends.ref, ends.other
from staged_raw_event
cross join lateral (
    values ('payment:' || payment_ref, 'invoice:' || invoice_ref), ('invoice:' || invoice_ref, 'payment:' || payment_ref)
) as ends (ref, other)
where payment_ref is not null and invoice_ref is not null
on conflict do nothing
