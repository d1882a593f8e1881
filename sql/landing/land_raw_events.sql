-- Keeps provider records as they came; one already kept is left alone, so any page can be read again.
-- Input:  staged_raw_event (temporary, shaped like raw_event), :window_start.
-- Output: one row: how many records were new, and how many of those lay before the window (lateness).
-- Cost:   one primary-key probe a staged row.
with landed as (
    insert into raw_event (provider, account, event_id, event_type, created_at, livemode, api_version, customer_ref,
                           invoice_ref, payment_ref, resolved_customer, transport, body, body_sha256)
    select provider, account, event_id, event_type, created_at, livemode, api_version, customer_ref,
           invoice_ref, payment_ref, customer_ref, transport, body, body_sha256
    from staged_raw_event
    order by provider, account, event_id, created_at -- pages and webhooks hold the same events in other orders
    on conflict do nothing
    returning provider, account, created_at, resolved_customer
), marked as (
    insert into dirty (room, key)
    select distinct 'normalise', provider || ':' || account || ':' || resolved_customer
    from landed
    where resolved_customer is not null
    order by 2
    on conflict (room, key) do update set marked_at = excluded.marked_at
)
select count(*) as rows_new, count(*) filter (where created_at < :window_start) as rows_late
from landed
