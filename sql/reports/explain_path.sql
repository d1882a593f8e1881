-- The touches of a customer's payer up to a moment, in order. Input: :customer_key, :until, :most. Output: touch, newest last.
-- Cost: a probe, then an index scan of touch_customer.
select *
from (
    select source, click_ref, touched_at, visitor_id, network, click_id_kind, click_id, campaign
    from touch
    where customer_key = coalesce(
            (select canonical_key from customer_alias where customer_alias.customer_key = :customer_key), :customer_key)
        and touched_at <= :until
    order by touched_at desc, source desc, click_ref desc, network desc
    limit :most
) as recent
order by touched_at, source, click_ref, network
