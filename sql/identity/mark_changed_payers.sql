-- What another payer makes stale: the visitors of the customer it was, with those nobody knew whose they are, its own
-- payments, and which payments of the payer's other customers are first ones.
-- Input:  changed_payer, visitor_customer, quarantined_identity, customer_alias, revenue_event.
-- Output: dirty(identify), dirty(attribute), dirty(plan).
-- Cost:   visitor_customer_customer, quarantined_identity_candidate, customer_alias_canonical and revenue_event_customer scans.
with one_payer as (
    select distinct unnest(array[old_canonical, new_canonical]) as canonical_key from changed_payer
), member as (
    select canonical_key as customer_key from one_payer
    union
    select known.customer_key from one_payer join customer_alias as known using (canonical_key)
    union
    select customer_key from changed_payer
), stale as (
    select 'identify' as room, owner.visitor_id as key
    from changed_payer
    join visitor_customer as owner on owner.customer_key = changed_payer.old_canonical
    union
    select 'identify', unclear.of_id
    from changed_payer
    join quarantined_identity as unclear
        on unclear.candidate = changed_payer.old_canonical and unclear.of_end = 'visitor'
    union
    select room, event.event_key
    from changed_payer
    join revenue_event as event on event.customer_key = changed_payer.customer_key and event.retired_at is null
    cross join unnest(array['attribute', 'plan']) as room
    union
    select 'plan', event.event_key
    from member
    join revenue_event as event
        on event.customer_key = member.customer_key and event.kind = 'first_payment' and event.retired_at is null
)
insert into dirty (room, key)
select room, key from stale order by room, key
on conflict (room, key) do update set marked_at = excluded.marked_at
