-- The path of each event: its payer's touches at or before it. A click that was captured more than once counts once, at its
-- first time; one that billing metadata repeats as the click table told it, with the visit around it. Who refused at any of
-- its captures has refused, and a capture that does not say says what another one does.
-- Input:  work_event, touch. Output: temporary table path (event_key, age_us, …, one row per event and touch).
-- Cost:   one index scan of touch_customer per customer at work.
insert into path (event_key, source, click_ref, touched_at, network, click_id_kind, click_id, campaign, ad_user_data,
                  age_us)
with customer as (
    select distinct customer_key from work_event where alive and customer_key is not null
), first_capture as (
    select customer_key, source, click_ref, touched_at, network, click_id_kind, click_id, campaign,
           case when refused then 'denied' when ad_user_data = 'unknown' and granted then 'granted'
                else ad_user_data end as ad_user_data
    from (
        select touch.customer_key, touch.source, touch.click_ref, touch.touched_at, touch.network,
               touch.click_id_kind, touch.click_id, touch.campaign, touch.ad_user_data,
               row_number() over (
                   same_click order by starts_with(touch.source, 'billing_metadata:'), touch.touched_at, touch.source,
                                       touch.click_ref
               ) as capture,
               bool_or(touch.ad_user_data = 'denied') over same_click as refused,
               bool_or(touch.ad_user_data = 'granted') over same_click as granted
        from customer
        join touch on touch.customer_key = customer.customer_key
        window same_click as (
            partition by touch.customer_key,
                         case when touch.click_id is null then touch.source else touch.click_id_kind end,
                         case when touch.click_id is null then touch.click_ref else touch.click_id end,
                         case when touch.click_id is null then 0 else 1 end
        )
    ) captured
    where capture = 1
)
select work.event_key, click.source, click.click_ref, click.touched_at, click.network, click.click_id_kind,
       click.click_id, click.campaign, click.ad_user_data,
       (extract(epoch from work.attributed_at - click.touched_at) * 1000000)::bigint
from work_event as work
join first_capture as click on click.customer_key = work.customer_key and click.touched_at <= work.attributed_at
where work.alive
