-- Evidence about a customer's payer that contradicts itself: visitors who could be theirs, and whom they could be one with.
-- Input: :customer_key. Output: quarantined_identity. Cost: quarantined_identity_candidate and primary-key probes.
with payer as (
    select coalesce(
        (select canonical_key from customer_alias where customer_alias.customer_key = :customer_key), :customer_key
    ) as customer_key
)
select unclear.of_end, unclear.of_id, unclear.candidate, unclear.reason, unclear.evidence, unclear.source_ref,
       unclear.linked_at
from payer
join quarantined_identity as unclear
    on unclear.candidate = payer.customer_key or (unclear.of_end = 'customer' and unclear.of_id = payer.customer_key)
order by unclear.of_end, unclear.of_id, unclear.candidate
