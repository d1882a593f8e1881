-- Writes who belongs to whom, differing rows only.
-- Input:  resolved_visitor. Output: visitor_customer. Cost: primary-key probes.
insert into visitor_customer as known (visitor_id, customer_key, evidence, linked_at)
select visitor_id, customer_key, evidence, linked_at from resolved_visitor
on conflict (visitor_id) do update
set customer_key = excluded.customer_key, evidence = excluded.evidence, linked_at = excluded.linked_at
where (known.customer_key, known.evidence, known.linked_at)
    is distinct from (excluded.customer_key, excluded.evidence, excluded.linked_at)
