-- Facts a customer's book no longer holds: their rows stay, retired, so that the ledger can still point at them.
-- Input:  staged_revenue_event, :customers (array of customer keys). Output: revenue_event.retired_at, dirty.
-- Cost:   an index scan of revenue_event_customer for these customers.
with gone as (
    update revenue_event as known
    set retired_at = now()
    where known.customer_key = any (:customers)
        and known.retired_at is null
        and not exists (select 1 from staged_revenue_event as staged where staged.event_key = known.event_key)
    returning event_key, parent_event_key
), stale as (
    select event_key from gone
    union
    select parent_event_key from gone where parent_event_key is not null
    union
    select replacement.event_key
    from gone
    join revenue_event as old on old.event_key = gone.event_key
    join staged_revenue_event as replacement on replacement.source_object_id = old.source_object_id
), for_attribution as (
    insert into dirty (room, key)
    select distinct 'attribute', event_key from stale order by 2
    on conflict (room, key) do update set marked_at = excluded.marked_at
), for_planning as (
    insert into dirty (room, key)
    select distinct 'plan', event_key from stale order by 2
    on conflict (room, key) do update set marked_at = excluded.marked_at
)
select count(*) as retired from gone
