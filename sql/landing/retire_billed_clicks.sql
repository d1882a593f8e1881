-- Clicks that some customers' billing objects no longer tell of. Their visitors become dirty for `identify`.
-- Input:  billed_visitor, identity_link, staged_click, :source. Output: click, click_time, dirty(identify); how many.
-- Cost:   a primary-key probe a customer; for those who ever had such a click a click_visitor scan.
with known_visitor as materialized (
    select distinct billed.visitor_id
    from billed_visitor as billed
    join identity_link as link on link.from_end = 'visitor' and link.from_id = billed.visitor_id
), gone as (
    delete from click as known
    using known_visitor
    where known.visitor_id = known_visitor.visitor_id and known.source = :source
        and not exists (
            select 1 from staged_click as staged
            where staged.source = known.source and staged.click_ref = known.click_ref
        )
    returning known.click_ref, known.visitor_id
), untimed as (
    delete from click_time as known
    using gone
    where known.source = :source and known.click_ref = gone.click_ref
), marked as (
    insert into dirty (room, key)
    select distinct 'identify', visitor_id from gone order by 2
    on conflict (room, key) do update set marked_at = excluded.marked_at
)
select count(*) as clicks from gone
