-- Keeps clicks; a row already kept is updated only if it differs. Their visitors become dirty for `identify`.
-- Input:  staged_click (temporary, shaped like click), :window_start.
-- Output: one row: how many were new or changed, and how many of those lay before the window (lateness).
-- Cost:   one primary-key probe a staged row, in the partitions of the staged months.
with left_visitor as (
    select kept.visitor_id
    from staged_click as staged
    join click as kept
        on kept.source = staged.source and kept.click_ref = staged.click_ref and kept.clicked_at = staged.clicked_at
    where kept.visitor_id <> staged.visitor_id
), landed as (
    insert into click as kept (source, click_ref, clicked_at, visitor_id, user_id, network, click_ids, campaign,
                               landing_url, referrer, user_agent, ip_address, ad_user_data, ad_personalization)
    select distinct on (source, click_ref, clicked_at)
           source, click_ref, clicked_at, visitor_id, user_id, network, click_ids, campaign, landing_url, referrer,
           user_agent, ip_address, ad_user_data, ad_personalization
    from staged_click
    order by source, click_ref, clicked_at
    on conflict (source, click_ref, clicked_at) do update
    set visitor_id = excluded.visitor_id, user_id = excluded.user_id, network = excluded.network,
        click_ids = excluded.click_ids, campaign = excluded.campaign, landing_url = excluded.landing_url,
        referrer = excluded.referrer, user_agent = excluded.user_agent, ip_address = excluded.ip_address,
        ad_user_data = excluded.ad_user_data, ad_personalization = excluded.ad_personalization
    where (kept.visitor_id, kept.user_id, kept.network, kept.click_ids, kept.campaign, kept.landing_url, kept.referrer,
           kept.user_agent, kept.ip_address, kept.ad_user_data, kept.ad_personalization)
        is distinct from
          (excluded.visitor_id, excluded.user_id, excluded.network, excluded.click_ids, excluded.campaign,
           excluded.landing_url, excluded.referrer, excluded.user_agent, excluded.ip_address, excluded.ad_user_data,
           excluded.ad_personalization)
    returning visitor_id, clicked_at
), marked as (
    insert into dirty (room, key)
    select 'identify', visitor_id
    from (select visitor_id from landed union select visitor_id from left_visitor) changed
    order by 2
    on conflict (room, key) do update set marked_at = excluded.marked_at
)
select count(*) as rows_new, count(*) filter (where clicked_at < :window_start) as rows_late
from landed
