-- What some customers' records give of who they are, replacing what they gave before.
-- Input:  staged_identifier, :customers (array of customer keys). Output: customer_identifier; how many values are new or
--         differ. Cost: an index scan of these customers' few values, a probe for each staged one.
with gone as (
    delete from customer_identifier as known
    where known.customer_key = any (:customers)
        and not exists (
            select 1 from staged_identifier as staged
            where staged.customer_key = known.customer_key and staged.rule = known.rule
        )
), written as (
    insert into customer_identifier as known (customer_key, rule, value, source_ref, stated_at)
    select customer_key, rule, value, source_ref, stated_at from staged_identifier
    on conflict (customer_key, rule) do update
    set value = excluded.value, source_ref = excluded.source_ref, stated_at = excluded.stated_at
    where (known.value, known.source_ref, known.stated_at)
        is distinct from (excluded.value, excluded.source_ref, excluded.stated_at)
    returning rule
)
select count(*) as identifiers from written
