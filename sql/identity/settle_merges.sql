-- Writes where each chain ends, and whom that makes another payer than before; members of a ring are disputed.
-- Input:  followed, former_payer, customer_alias. Output: customer_alias.canonical_key, disputed (of_end customer),
--         temporary table changed_payer. Cost: primary-key probes.
with standing as (
    select followed.customer_key, followed.canonical_key, followed.in_ring,
           coalesce(former.canonical_key, known.canonical_key, followed.customer_key) as old_canonical,
           known.into_key, known.evidence, known.source_ref, known.linked_at
    from followed
    left join former_payer as former using (customer_key)
    left join customer_alias as known using (customer_key)
), noted as (
    insert into changed_payer (customer_key, old_canonical, new_canonical)
    select customer_key, old_canonical, canonical_key from standing where old_canonical <> canonical_key
), ring_told as (
    insert into disputed (of_end, of_id, candidate, reason, evidence, source_ref, linked_at)
    select 'customer', customer_key, into_key, 'merge_ring', evidence, source_ref, linked_at
    from standing
    where in_ring
)
update customer_alias as known
set canonical_key = followed.canonical_key
from followed
where known.customer_key = followed.customer_key and known.canonical_key <> followed.canonical_key
