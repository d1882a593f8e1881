-- The customer each dirty visitor belongs to. The strongest sort of evidence that names one decides:
--   1  a billing record names the browser
--   2  the browser's user, whom a billing record names
--   3  an e-mail of that user, where asked for
--   4  an e-mail of the browser, where asked for
-- Of several links of one id the latest wins, of one moment the one believed more (evidence_rank). Where links that are
-- equal in both lead to different payers nobody is chosen: the visitor is disputed.
-- Input:  dirty_visitor, identity_link, customer_alias, customer_identifier, :match_email.
-- Output: temporary tables resolved_visitor, disputed (of_end visitor).
-- Cost:   primary-key scans of identity_link for the dirty visitors and their users, customer_identifier_email probes.
with browser as (
    select link.from_id as visitor_id, link.to_end, link.to_id, link.evidence, link.source_ref, link.linked_at,
           rank() over (
               partition by link.from_id, link.to_end order by link.linked_at desc, evidence_rank(link.evidence)
           ) as place
    from dirty_visitor
    join identity_link as link on link.from_end = 'visitor' and link.from_id = dirty_visitor.visitor_id
), their_user as (
    select distinct visitor_id, to_id as user_id from browser where to_end = 'user' and place = 1
), person as (
    select their_user.visitor_id, their_user.user_id, link.to_end, link.to_id, link.evidence, link.source_ref,
           link.linked_at,
           rank() over (
               partition by their_user.visitor_id, their_user.user_id, link.to_end
               order by link.linked_at desc, evidence_rank(link.evidence)
           ) as place
    from their_user
    join identity_link as link on link.from_end = 'user' and link.from_id = their_user.user_id
), addressed as (
    select their_user.visitor_id, their_user.user_id, 3 as level, person.to_id as value, person.linked_at
    from their_user
    left join person
        on person.visitor_id = their_user.visitor_id and person.user_id = their_user.user_id
        and person.to_end = 'email' and person.place = 1
    where :match_email
    union all
    select visitor_id, null, 4, to_id, linked_at
    from browser
    where :match_email and to_end = 'email' and place = 1
), claim as (
    select visitor_id, 1 as level, null as user_id, to_id as customer_key, evidence, source_ref, linked_at
    from browser
    where to_end = 'customer' and place = 1
    union all
    select their_user.visitor_id, 2, their_user.user_id, person.to_id, person.evidence, person.source_ref,
           person.linked_at
    from their_user
    left join person
        on person.visitor_id = their_user.visitor_id and person.user_id = their_user.user_id
        and person.to_end = 'customer' and person.place = 1
    union all
    select addressed.visitor_id, addressed.level, addressed.user_id, own.customer_key, 'email_hash', own.source_ref,
           greatest(addressed.linked_at, own.stated_at)
    from addressed
    left join customer_identifier as own on own.rule = 'email_plain' and own.value = addressed.value
), payer as (
    select claim.*, coalesce(known.canonical_key, claim.customer_key) as canonical_key,
           min(claim.level) filter (where claim.customer_key is not null) over (
               partition by claim.visitor_id
           ) as decisive
    from claim
    left join customer_alias as known using (customer_key)
), heard as (
    select payer.*,
           min(coalesce(canonical_key, '')) over (partition by visitor_id)
               <> max(coalesce(canonical_key, '')) over (partition by visitor_id) as unclear,
           min(user_id) over (partition by visitor_id) <> max(user_id) over (partition by visitor_id) as several_users
    from payer
    where level = decisive
), resolved as (
    insert into resolved_visitor (visitor_id, customer_key, evidence, linked_at)
    select distinct on (visitor_id) visitor_id, canonical_key, evidence, linked_at
    from heard
    where not unclear
    order by visitor_id, linked_at desc, evidence, source_ref
    returning visitor_id
), told as (
    insert into disputed (of_end, of_id, candidate, reason, evidence, source_ref, linked_at, first_click_at)
    select distinct on (visitor_id, canonical_key) 'visitor', visitor_id, canonical_key,
           case when several_users then 'visitor_of_several_users'
                when level = 1 then 'visitor_of_several_customers'
                when level = 2 then 'user_of_several_customers'
                else 'email_of_several_customers'
           end,
           evidence, source_ref, linked_at,
           (select min(clicked_at) from click where click.visitor_id = heard.visitor_id)
    from heard
    where unclear and canonical_key is not null
    order by visitor_id, canonical_key, linked_at desc, evidence, source_ref
)
select count(*) as resolved from resolved
