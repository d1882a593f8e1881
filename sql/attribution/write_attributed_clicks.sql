-- Writes the found clicks, differing rows only; events whose click or its consent changed become dirty for planning.
-- Input:  work_event, found_click. Output: attributed_click, dirty(plan). Cost: primary-key scans for the events at work.
with gone as (
    delete from attributed_click as known
    using work_event as work
    where known.event_key = work.event_key
        and not exists (
            select 1 from found_click as found
            where found.event_key = known.event_key and found.platform = known.platform
                and found.account = known.account
        )
    returning known.event_key
), written as (
    insert into attributed_click as known (event_key, platform, account, touches, source, click_ref, clicked_at,
                                           click_id_kind, click_id, ad_user_data, last_outside_at)
    select event_key, platform, account, touches, source, click_ref, clicked_at, click_id_kind, click_id,
           ad_user_data, last_outside_at
    from found_click
    on conflict (event_key, platform, account) do update
    set touches = excluded.touches, source = excluded.source, click_ref = excluded.click_ref,
        clicked_at = excluded.clicked_at, click_id_kind = excluded.click_id_kind, click_id = excluded.click_id,
        ad_user_data = excluded.ad_user_data, last_outside_at = excluded.last_outside_at
    where (known.touches, known.source, known.click_ref, known.clicked_at, known.click_id_kind, known.click_id,
           known.ad_user_data, known.last_outside_at)
        is distinct from (excluded.touches, excluded.source, excluded.click_ref, excluded.clicked_at,
                          excluded.click_id_kind, excluded.click_id, excluded.ad_user_data,
                          excluded.last_outside_at)
    returning event_key
), marked as (
    insert into dirty (room, key)
    select 'plan', event_key
    from (select event_key from gone union select event_key from written) changed
    order by 2
    on conflict (room, key) do update set marked_at = excluded.marked_at
)
select (select count(*) from gone) + (select count(*) from written) as changed
