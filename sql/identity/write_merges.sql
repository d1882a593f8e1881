-- Writes what the dirty customers became, differing rows only; where their chains end is found next.
-- Input:  dirty_customer, found_merge. Output: customer_alias. Cost: primary-key probes.
with gone as (
    delete from customer_alias as known
    using dirty_customer as dirty
    where known.customer_key = dirty.customer_key
        and not exists (select 1 from found_merge as found where found.customer_key = known.customer_key)
)
insert into customer_alias as known (customer_key, into_key, canonical_key, evidence, source_ref, linked_at)
select customer_key, into_key, into_key, evidence, source_ref, linked_at from found_merge
on conflict (customer_key) do update
set into_key = excluded.into_key, evidence = excluded.evidence, source_ref = excluded.source_ref,
    linked_at = excluded.linked_at
where (known.into_key, known.evidence, known.source_ref, known.linked_at)
    is distinct from (excluded.into_key, excluded.evidence, excluded.source_ref, excluded.linked_at)
