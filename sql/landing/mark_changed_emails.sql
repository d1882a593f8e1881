-- Visitors and customers whom another e-mail of some customers may match, or match no more. Run before `replace_identifiers`.
-- Input:  staged_identifier, customer_identifier, :customers (array of customer keys).
-- Output: dirty(identify), dirty(merge).
-- Cost:   a probe for each of these customers; identity_link_to and customer_identifier_email probes for changed e-mails.
with former as (
    select customer_key, value, stated_at
    from customer_identifier
    where customer_key = any (:customers) and rule = 'email_plain'
), latter as (
    select customer_key, value, stated_at from staged_identifier where rule = 'email_plain'
), changed as (
    (select * from former except select * from latter)
    union
    (select * from latter except select * from former)
), stale as (
    select 'merge' as room, customer_key as key from changed
    union
    select 'merge', other.customer_key
    from changed
    join customer_identifier as other on other.rule = 'email_plain' and other.value = changed.value
    union
    select 'identify', link.from_id
    from changed
    join identity_link as link
        on link.to_end = 'email' and link.to_id = changed.value and link.from_end = 'visitor'
    union
    select 'identify', browser.from_id
    from changed
    join identity_link as link on link.to_end = 'email' and link.to_id = changed.value and link.from_end = 'user'
    join identity_link as browser
        on browser.to_end = 'user' and browser.to_id = link.from_id and browser.from_end = 'visitor'
)
insert into dirty (room, key)
select room, key from stale order by room, key
on conflict (room, key) do update set marked_at = excluded.marked_at
