-- Under which customer the touches of the dirty ones stood until now. Input: dirty_customer, customer_alias. Output: temporary
-- table former_payer. Cost: primary-key probes.
insert into former_payer (customer_key, canonical_key)
select dirty.customer_key, coalesce(known.canonical_key, dirty.customer_key)
from dirty_customer as dirty
left join customer_alias as known using (customer_key)
