-- Which visitors belong to a customer's payer, and the evidence. Input: :customer_key. Output: a row per visitor and link.
-- Cost: visitor_customer_customer, then identity_link probes.
select owner.visitor_id, owner.evidence as decided_by, owner.linked_at as decided_at,
       link.from_end, link.from_id, link.to_end, link.to_id, link.evidence, link.source_ref, link.linked_at
from visitor_customer as owner
left join lateral (
    select * from identity_link as direct
    where direct.from_end = 'visitor' and direct.from_id = owner.visitor_id
    union
    select onward.*
    from identity_link as direct
    join identity_link as onward
        on onward.from_end = 'user' and direct.to_end = 'user' and onward.from_id = direct.to_id
    where direct.from_end = 'visitor' and direct.from_id = owner.visitor_id
) as link on true
where owner.customer_key = coalesce(
    (select canonical_key from customer_alias where customer_alias.customer_key = :customer_key), :customer_key)
order by owner.visitor_id, link.linked_at, link.to_end, link.to_id
