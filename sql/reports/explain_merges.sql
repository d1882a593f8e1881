-- The customers that are one payer with this one, and why. Input: :customer_key. Output: customer_alias.
-- Cost: a probe, then customer_alias_canonical.
select known.customer_key, known.into_key, known.canonical_key, known.evidence, known.source_ref, known.linked_at
from customer_alias as known
where known.canonical_key = coalesce(
    (select own.canonical_key from customer_alias as own where own.customer_key = :customer_key), :customer_key)
order by known.linked_at, known.customer_key
