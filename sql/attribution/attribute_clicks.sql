-- Per event and ad account the last click inside the platform's own window, which is the one delivery sends.
-- Every platform is asked about its own clicks only: each gets the conversion it earned, in its own window.
-- Input:  work_event, path, plan_account. Output: temporary table found_click, shaped like attributed_click.
-- Cost:   one pass over the paths at work. Ties go to the greatest (source, click_ref).
insert into found_click (event_key, platform, account, touches, source, click_ref, clicked_at, click_id_kind, click_id,
                         ad_user_data, last_outside_at)
with candidate as (
    select path.event_key, ad.platform, ad.account, path.source, path.click_ref, path.touched_at,
           path.click_id_kind, path.click_id, path.ad_user_data,
           path.age_us <= ad.click_window_us as inside,
           row_number() over (
               partition by path.event_key, ad.platform, ad.account
               order by path.touched_at desc, path.source desc, path.click_ref desc
           ) as recency
    from path
    join work_event as work on work.event_key = path.event_key and work.delivered
    join plan_account as ad on ad.network = path.network
    where path.click_id is not null
)
select event_key, platform, account,
       sum(case when inside then 1 else 0 end)::integer,
       max(case when recency = 1 and inside then source end),
       max(case when recency = 1 and inside then click_ref end),
       max(case when recency = 1 and inside then touched_at end),
       max(case when recency = 1 and inside then click_id_kind end),
       max(case when recency = 1 and inside then click_id end),
       max(case when recency = 1 and inside then ad_user_data end),
       max(case when recency = 1 and not inside then touched_at end)
from candidate
group by event_key, platform, account
