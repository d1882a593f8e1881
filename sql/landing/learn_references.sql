-- Learns which customer a payment or an invoice belongs to from records that name both.
-- Input:  staged_raw_event. Output: billing_ref. Cost: one primary-key probe a staged row.
insert into billing_ref (provider, account, ref, customer_ref)
select distinct on (provider, account, ref) provider, account, ref, customer_ref
from (
    select provider, account, 'payment:' || payment_ref as ref, customer_ref from staged_raw_event
    union all
    select provider, account, 'invoice:' || invoice_ref, customer_ref from staged_raw_event
) named
where ref is not null and customer_ref is not null
order by provider, account, ref, customer_ref
on conflict do nothing
