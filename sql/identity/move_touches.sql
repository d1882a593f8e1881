-- Rebuilds the touches of the dirty visitors: those that left a customer go, those that joined or are new come. A visit
-- touches each network it has an identifier of, with the one that network prefers; without any, the network of its tags.
-- Input:  dirty_visitor, resolved_visitor, click; :kinds, :networks (arrays: identifiers by preference, and whose each is).
-- Output: touch; temporary table changed_customer (customer_key, touched_at: its earliest changed touch,
--         or the earliest capture of a click one of whose captures changed).
-- Cost:   index scans of click_visitor and touch_visitor for the dirty visitors, of touch_customer for the changed ones.
with identifier as (
    select kind, network, preference
    from unnest(cast(:kinds as text[]), cast(:networks as text[])) with ordinality as known (kind, network, preference)
), found as (
    select click.source, click.click_ref, resolved.customer_key, click.clicked_at as touched_at, click.visitor_id,
           coalesce(identifier.network, click.network) as network, identifier.kind as click_id_kind,
           click.click_ids ->> identifier.kind as click_id, click.campaign, click.ad_user_data,
           row_number() over (
               partition by click.source, click.click_ref, click.clicked_at, identifier.network
               order by identifier.preference
           ) as choice
    from resolved_visitor as resolved
    join click on click.visitor_id = resolved.visitor_id
    left join identifier on click.click_ids ->> identifier.kind is not null
), wanted as (
    select source, click_ref, customer_key, touched_at, visitor_id, network, click_id_kind, click_id, campaign,
           ad_user_data
    from found
    where choice = 1
), removed as (
    delete from touch
    using dirty_visitor
    where touch.visitor_id = dirty_visitor.visitor_id
        and not exists (
            select 1 from wanted
            where wanted.source = touch.source and wanted.click_ref = touch.click_ref
                and wanted.touched_at = touch.touched_at and wanted.network = touch.network
        )
    returning touch.customer_key, touch.touched_at, touch.click_id
), left_behind as (
    select touch.customer_key, touch.touched_at, touch.click_id
    from wanted
    join touch
        on touch.source = wanted.source and touch.click_ref = wanted.click_ref
        and touch.touched_at = wanted.touched_at and touch.network = wanted.network
    where touch.customer_key <> wanted.customer_key
), written as (
    insert into touch as known (source, click_ref, customer_key, touched_at, visitor_id, network, click_id_kind,
                                click_id, campaign, ad_user_data)
    select source, click_ref, customer_key, touched_at, visitor_id, network, click_id_kind, click_id, campaign,
           ad_user_data
    from wanted
    on conflict (source, click_ref, touched_at, network) do update
    set customer_key = excluded.customer_key, visitor_id = excluded.visitor_id,
        click_id_kind = excluded.click_id_kind, click_id = excluded.click_id, campaign = excluded.campaign,
        ad_user_data = excluded.ad_user_data
    where (known.customer_key, known.visitor_id, known.click_id_kind, known.click_id, known.campaign,
           known.ad_user_data)
        is distinct from (excluded.customer_key, excluded.visitor_id, excluded.click_id_kind, excluded.click_id,
                          excluded.campaign, excluded.ad_user_data)
    returning customer_key, touched_at, click_id, source, click_ref, network
), changed as (
    select customer_key, touched_at, click_id from removed
    union all
    select customer_key, touched_at, click_id from left_behind
    union all
    select customer_key, touched_at, click_id from written
    union all
    select touch.customer_key, touch.touched_at, touch.click_id
    from written
    join touch using (source, click_ref, touched_at, network)
)
insert into changed_customer (customer_key, touched_at)
select customer_key, min(touched_at)
from (
    select customer_key, touched_at from changed
    union all
    select same.customer_key, same.touched_at
    from changed
    join touch as same on same.customer_key = changed.customer_key and same.click_id = changed.click_id
) affected
group by customer_key
