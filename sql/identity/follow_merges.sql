-- Follows the chains of the dirty customers, and of those whose chains lead through them, to their ends. A chain that comes
-- back to a customer it passed ends there: customers that became each other stay whom they are.
-- Input:  dirty_customer, customer_alias. Output: temporary table followed (customer_key, canonical_key, in_ring).
-- Cost:   customer_alias_into and primary-key probes along the chains.
insert into followed (customer_key, canonical_key, in_ring)
with recursive affected as (
    select customer_key from dirty_customer
    union
    select known.customer_key
    from affected
    join customer_alias as known on known.into_key = affected.customer_key
), walk as (
    select customer_key, customer_key as reached, array[customer_key] as passed, false as back
    from affected
    union all
    select walk.customer_key, known.into_key, walk.passed || known.into_key, known.into_key = any (walk.passed)
    from walk
    join customer_alias as known on known.customer_key = walk.reached
    where not walk.back
)
select distinct on (customer_key) customer_key, reached, back and reached = customer_key
from walk
order by customer_key, cardinality(passed) desc
