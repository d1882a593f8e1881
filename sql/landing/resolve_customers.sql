-- Names the customer of records that name none, through their payment or invoice, in whichever order they came.
-- Input:  staged_raw_event, billing_ref, billing_ref_link, raw_event. Output: raw_event.resolved_customer, dirty(normalise).
-- Cost:   probes of raw_event_unresolved_payment and raw_event_unresolved_invoice for the touched references only.
with touched as (
    select provider, account, 'payment:' || payment_ref as ref from staged_raw_event where payment_ref is not null
    union
    select provider, account, 'invoice:' || invoice_ref from staged_raw_event where invoice_ref is not null
), near as (
    select provider, account, ref from touched
    union
    select link.provider, link.account, link.other
    from touched
    join billing_ref_link as link using (provider, account, ref)
), known as (
    select provider, account, substr(ref, 1, 7) as kind, substr(ref, 9) as id, customer_ref
    from near
    join billing_ref using (provider, account, ref)
), resolvable as (
    select event.event_id, event.created_at, event.provider, event.account, known.customer_ref
    from known
    join raw_event as event
        on event.provider = known.provider and event.account = known.account and event.payment_ref = known.id
        and event.resolved_customer is null
    where known.kind = 'payment'
    union
    select event.event_id, event.created_at, event.provider, event.account, known.customer_ref
    from known
    join raw_event as event
        on event.provider = known.provider and event.account = known.account and event.invoice_ref = known.id
        and event.resolved_customer is null
    where known.kind = 'invoice'
), resolved as (
    update raw_event as event
    set resolved_customer = resolvable.customer_ref
    from resolvable
    where event.provider = resolvable.provider and event.account = resolvable.account
        and event.event_id = resolvable.event_id and event.created_at = resolvable.created_at
    returning event.provider, event.account, event.resolved_customer
)
insert into dirty (room, key)
select distinct 'normalise', provider || ':' || account || ':' || resolved_customer
from resolved
order by 2
on conflict (room, key) do update set marked_at = excluded.marked_at
