-- Gives a payment its invoice's customer and an invoice its payment's, for references the staged records touch.
-- Input:  staged_raw_event, billing_ref, billing_ref_link. Output: billing_ref.
-- Cost:   primary-key probes for the staged references and what they are linked to.
with touched as (
    select provider, account, 'payment:' || payment_ref as ref from staged_raw_event where payment_ref is not null
    union
    select provider, account, 'invoice:' || invoice_ref from staged_raw_event where invoice_ref is not null
)
insert into billing_ref (provider, account, ref, customer_ref)
select distinct on (provider, account, ref) provider, account, ref, customer_ref
from (
    select link.provider, link.account, link.ref, known.customer_ref
    from touched
    join billing_ref_link as link using (provider, account, ref)
    join billing_ref as known
        on known.provider = link.provider and known.account = link.account and known.ref = link.other
    union all
    select link.provider, link.account, link.other, known.customer_ref
    from touched
    join billing_ref_link as link using (provider, account, ref)
    join billing_ref as known
        on known.provider = link.provider and known.account = link.account and known.ref = link.ref
) spread
order by provider, account, ref, customer_ref
on conflict do nothing
