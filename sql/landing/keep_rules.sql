-- Keeps customers' identifiers under the rules the configuration asks for now: values of other rules go, and a rule that is
-- new makes every customer of the billing account due to be read again.
-- Input:  :rules (array), :provider, :account, :prefix (provider:account:). Output: identifier_rule, customer_identifier,
--         dirty(normalise). Cost: a few rows; a scan of both big tables in the hour the configuration changed.
with gone as (
    delete from identifier_rule
    where provider = :provider and account = :account and rule <> all (cast(:rules as text[]))
    returning rule
), forgotten as (
    delete from customer_identifier
    where (select count(*) from gone) > 0 and starts_with(customer_key, :prefix) and rule in (select rule from gone)
), added as (
    insert into identifier_rule (provider, account, rule)
    select :provider, :account, rule from unnest(cast(:rules as text[])) as rule
    on conflict do nothing
    returning rule
)
insert into dirty (room, key)
select distinct 'normalise', :prefix || resolved_customer
from raw_event
where (select count(*) from added) > 0
    and provider = :provider and account = :account and resolved_customer is not null
order by 2
on conflict (room, key) do update set marked_at = excluded.marked_at
