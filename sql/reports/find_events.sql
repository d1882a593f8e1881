-- The revenue events an id means: the event's own key, an object of the billing system, or what a ledger row is for.
-- Input:  :id, :vendor_id (the id without its leading cs_). Output: event_key, conversion_id (null unless the id names one
--         row), oldest first. Cost: index probes; one pass over revenue_event for ids of invoices, payments, subscriptions.
select event_key, conversion_id
from (
    select event_key, conversion_id, occurred_at
    from conversion
    where conversion_id >= :vendor_id and conversion_id < cast(:vendor_id as text) || 'g'
        and cast(:vendor_id as text) ~ '^[0-9a-f]{6,32}$'
    union all
    select event_key, null, occurred_at
    from revenue_event
    where event_key = :id or source_object_id = :id or invoice_ref = :id or payment_ref = :id
        or subscription_ref = :id or customer_ref = :id
) as found
order by occurred_at, event_key
