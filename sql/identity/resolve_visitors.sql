-- The customer each dirty visitor belongs to: a billing record that names the browser comes first, then the browser's
-- user and that user's customer; of several links of one id the latest wins, ties by id.
-- Input:  dirty_visitor, identity_link. Output: temporary table resolved_visitor (visitor_id, customer_key, evidence, linked_at).
-- Cost:   primary-key scans of identity_link for the dirty visitors and their users.
insert into resolved_visitor (visitor_id, customer_key, evidence, linked_at)
with direct as (
    select visitor_id, customer_key, evidence, linked_at
    from (
        select link.from_id as visitor_id, link.to_id as customer_key, link.evidence, link.linked_at,
               row_number() over (
                   partition by link.from_id order by link.linked_at desc, link.to_id, link.evidence, link.source_ref
               ) as rank
        from dirty_visitor
        join identity_link as link
            on link.from_end = 'visitor' and link.from_id = dirty_visitor.visitor_id and link.to_end = 'customer'
    ) ranked
    where rank = 1
), visitor_user as (
    select visitor_id, user_id, linked_at
    from (
        select link.from_id as visitor_id, link.to_id as user_id, link.linked_at,
               row_number() over (
                   partition by link.from_id order by link.linked_at desc, link.to_id, link.evidence, link.source_ref
               ) as rank
        from dirty_visitor
        join identity_link as link
            on link.from_end = 'visitor' and link.from_id = dirty_visitor.visitor_id and link.to_end = 'user'
    ) ranked
    where rank = 1
), through_user as (
    select visitor_id, customer_key, evidence, linked_at
    from (
        select visitor_user.visitor_id, link.to_id as customer_key, link.evidence, link.linked_at,
               row_number() over (
                   partition by visitor_user.visitor_id
                   order by link.linked_at desc, link.to_id, link.evidence, link.source_ref
               ) as rank
        from visitor_user
        join identity_link as link
            on link.from_end = 'user' and link.from_id = visitor_user.user_id and link.to_end = 'customer'
    ) ranked
    where rank = 1
)
select visitor_id, customer_key, evidence, linked_at from direct
union all
select visitor_id, customer_key, evidence, linked_at
from through_user
where not exists (select 1 from direct where direct.visitor_id = through_user.visitor_id)
