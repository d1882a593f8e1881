-- Keeps clicks; a row already kept is replaced only if it differs, whatever its time. Visitors it names or named become dirty
-- for `identify`.
-- Input:  staged_click (temporary, one row a click), click_time, :window_start.
-- Output: click, click_time, dirty(identify); left_link: browsers and the users or e-mails that kept rows named them with and,
--         for all they know, no longer do. One row: how many were new or changed, how many of those lay before the window (lateness).
-- Cost:   two primary-key probes a staged row, in click_time and in the partition of its month.
with former as (
    select kept.source, kept.click_ref, kept.clicked_at, kept.visitor_id, kept.user_id,
           kept.email_sha256, kept.clicked_at <> staged.clicked_at as moved
    from staged_click as staged
    join click_time as known on known.source = staged.source and known.click_ref = staged.click_ref
    join click as kept
        on kept.source = known.source and kept.click_ref = known.click_ref and kept.clicked_at = known.clicked_at
    where (kept.clicked_at, kept.visitor_id, kept.user_id, kept.email_sha256)
        is distinct from (staged.clicked_at, staged.visitor_id, staged.user_id, staged.email_sha256)
), replaced as (
    delete from click as kept
    using former
    where former.moved
        and kept.source = former.source and kept.click_ref = former.click_ref and kept.clicked_at = former.clicked_at
), timed as (
    insert into click_time as known (source, click_ref, clicked_at)
    select staged.source, staged.click_ref, staged.clicked_at
    from staged_click as staged
    where not exists (
        select 1 from click_time as same
        where same.source = staged.source and same.click_ref = staged.click_ref
            and same.clicked_at = staged.clicked_at
    )
    on conflict (source, click_ref) do update set clicked_at = excluded.clicked_at
), unlinked as (
    insert into left_link (visitor_id, to_end, to_id, source)
    select visitor_id, 'user', user_id, source from former where user_id is not null
    union all
    select visitor_id, 'email', email_sha256, source from former where email_sha256 is not null
), landed as (
    insert into click as kept (source, click_ref, clicked_at, visitor_id, user_id, network, click_ids, campaign,
                               landing_url, referrer, user_agent, ip_address, ad_user_data, ad_personalization,
                               email_sha256, browser_ids)
    select source, click_ref, clicked_at, visitor_id, user_id, network, click_ids, campaign, landing_url, referrer,
           user_agent, ip_address, ad_user_data, ad_personalization, email_sha256, browser_ids
    from staged_click
    order by source, click_ref
    on conflict (source, click_ref, clicked_at) do update
    set visitor_id = excluded.visitor_id, user_id = excluded.user_id, network = excluded.network,
        click_ids = excluded.click_ids, campaign = excluded.campaign, landing_url = excluded.landing_url,
        referrer = excluded.referrer, user_agent = excluded.user_agent, ip_address = excluded.ip_address,
        ad_user_data = excluded.ad_user_data, ad_personalization = excluded.ad_personalization,
        email_sha256 = excluded.email_sha256, browser_ids = excluded.browser_ids
    where (kept.visitor_id, kept.user_id, kept.network, kept.click_ids, kept.campaign, kept.landing_url, kept.referrer,
           kept.user_agent, kept.ip_address, kept.ad_user_data, kept.ad_personalization, kept.email_sha256,
           kept.browser_ids)
        is distinct from
          (excluded.visitor_id, excluded.user_id, excluded.network, excluded.click_ids, excluded.campaign,
           excluded.landing_url, excluded.referrer, excluded.user_agent, excluded.ip_address, excluded.ad_user_data,
           excluded.ad_personalization, excluded.email_sha256, excluded.browser_ids)
    returning visitor_id, clicked_at
), marked as (
    insert into dirty (room, key)
    select 'identify', visitor_id
    from (select visitor_id from landed union select visitor_id from former) changed
    order by 2
    on conflict (room, key) do update set marked_at = excluded.marked_at
)
select count(*) as rows_new, count(*) filter (where clicked_at < :window_start) as rows_late
from landed
