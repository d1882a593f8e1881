-- The customer each dirty customer became: by a billing record that says so; else by a user who pays under several billing
-- accounts, and is the customer they were named as last; else, where asked for, by an e-mail that one customer of each
-- account has. The latest evidence of the strongest sort wins; of one moment, equally good and not agreeing, none does.
-- Of several customers of one billing account a user is the latest only, and no e-mail tells which.
-- Input:  dirty_customer, identity_link, customer_identifier, :match_email. Output: temporary tables found_merge, disputed
--         (of_end customer).
-- Cost:   identity_link_to and primary-key scans for these customers and their users; customer_identifier_email probes.
with said as (
    select dirty.customer_key, link.to_id as into_key, 'customer_of_several_customers' as reason, 1 as level,
           link.evidence, link.source_ref, link.linked_at
    from dirty_customer as dirty
    join identity_link as link
        on link.from_end = 'customer' and link.from_id = dirty.customer_key and link.to_end = 'customer'
        and link.to_id <> dirty.customer_key
), their_user as (
    select distinct link.from_id as user_id
    from dirty_customer as dirty
    join identity_link as link
        on link.to_end = 'customer' and link.to_id = dirty.customer_key and link.from_end = 'user'
), named as (
    select their_user.user_id, link.to_id as customer_key, link.evidence, link.source_ref, link.linked_at,
           rank() over (
               partition by their_user.user_id, account_of(link.to_id)
               order by link.linked_at desc, evidence_rank(link.evidence)
           ) as place
    from their_user
    join identity_link as link
        on link.from_end = 'user' and link.from_id = their_user.user_id and link.to_end = 'customer'
), payer as (
    select user_id, min(customer_key) as customer_key, min(evidence) as evidence, min(source_ref) as source_ref,
           max(linked_at) as linked_at
    from named
    where place = 1
    group by user_id, account_of(customer_key)
    having count(distinct customer_key) = 1
), latest as (
    select payer.*,
           first_value(customer_key) over newest_first as into_key,
           first_value(source_ref) over newest_first as into_ref,
           first_value(linked_at) over newest_first as into_at
    from payer
    window newest_first as (
        partition by user_id order by linked_at desc, evidence_rank(evidence), customer_key desc
    )
), same_user as (
    select latest.customer_key, latest.into_key, 'user_of_several_customers' as reason, 2 as level,
           'same_user' as evidence, latest.into_ref as source_ref, latest.into_at as linked_at
    from latest
    join dirty_customer as dirty on dirty.customer_key = latest.customer_key
    where latest.into_key <> latest.customer_key
), told as (
    select * from said union all select * from same_user
), placed as (
    select told.*,
           rank() over (
               partition by customer_key order by level, linked_at desc, evidence_rank(evidence)
           ) as place
    from told
), addressed as (
    select dirty.customer_key, own.value
    from dirty_customer as dirty
    join customer_identifier as own on own.customer_key = dirty.customer_key and own.rule = 'email_plain'
    where :match_email and not exists (select 1 from told where told.customer_key = dirty.customer_key)
), sharing as (
    select addressed.customer_key, other.customer_key as into_key, other.source_ref, other.stated_at,
           count(*) over (
               partition by addressed.customer_key, account_of(other.customer_key)
           ) as of_account,
           row_number() over (
               partition by addressed.customer_key order by other.stated_at desc, other.customer_key desc
           ) as recency
    from addressed
    join customer_identifier as other on other.rule = 'email_plain' and other.value = addressed.value
), crowd as (
    select customer_key, max(of_account) as most, count(distinct account_of(into_key)) as accounts
    from sharing
    group by customer_key
), same_email as (
    select sharing.customer_key, sharing.into_key, crowd.most, sharing.recency, sharing.source_ref, sharing.stated_at
    from sharing
    join crowd using (customer_key)
    where crowd.accounts > 1
        and (crowd.most > 1 or sharing.recency = 1)
        and sharing.into_key <> sharing.customer_key
        and account_of(sharing.into_key) <> account_of(sharing.customer_key)
), judged as (
    select customer_key, into_key, reason, evidence, source_ref, linked_at,
           min(into_key) over (partition by customer_key) <> max(into_key) over (partition by customer_key) as unclear
    from placed
    where place = 1
    union all
    select customer_key, into_key, 'email_of_several_customers', 'email_hash', source_ref, stated_at, most > 1
    from same_email
), merged as (
    insert into found_merge (customer_key, into_key, evidence, source_ref, linked_at)
    select distinct on (customer_key) customer_key, into_key, evidence, source_ref, linked_at
    from judged
    where not unclear
    order by customer_key, evidence, source_ref
)
insert into disputed (of_end, of_id, candidate, reason, evidence, source_ref, linked_at)
select distinct on (customer_key, into_key) 'customer', customer_key, into_key, reason, evidence, source_ref, linked_at
from judged
where unclear
order by customer_key, into_key, evidence, source_ref
