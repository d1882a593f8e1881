-- Keeps whether e-mails are matched; where that changed, everybody who is known by one becomes dirty.
-- Their e-mails may be forgotten already. Input: :match_email. Output: identity_setting, dirty(identify), dirty(merge).
-- Cost:   one row; a scan of the links and customers with an e-mail in the hour the configuration changed.
with changed as (
    update identity_setting set match_email = :match_email where match_email <> :match_email returning match_email
), known as (
    select 'identify' as room, link.from_id as key
    from identity_link as link
    where (select count(*) from changed) > 0 and link.to_end = 'email' and link.from_end = 'visitor'
    union
    select 'identify', browser.from_id
    from identity_link as link
    join identity_link as browser
        on browser.from_end = 'visitor' and browser.to_end = 'user' and browser.to_id = link.from_id
    where (select count(*) from changed) > 0 and link.to_end = 'email' and link.from_end = 'user'
    union
    select 'merge', customer_key
    from customer_identifier
    where (select count(*) from changed) > 0 and rule = 'email_plain'
    union
    select 'merge', customer_key
    from customer_alias
    where (select count(*) from changed) > 0 and evidence = 'email_hash'
    union
    select 'merge', of_id
    from quarantined_identity
    where (select count(*) from changed) > 0 and of_end = 'customer' and evidence = 'email_hash'
)
insert into dirty (room, key)
select room, key from known order by room, key
on conflict (room, key) do update set marked_at = excluded.marked_at
