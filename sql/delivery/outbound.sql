-- What a platform adapter needs to know of some ledger rows, with the click each is sent for as it is kept now: a row in
-- doubt is sent again with the consent of today, even if the click's time was corrected since.
-- The click's ids stand in other_click_ids unless there is but the one the row is sent by.
-- Input:  :conversion_ids (with commas), :earliest, :latest (times of their events). Output: one row each, in the ids' order.
-- Cost:   primary-key probes in the partitions of that time.
select entry.conversion_id, entry.vendor_id, entry.kind, entry.verb, entry.event_kind, entry.action,
       entry.value_minor, entry.currency, entry.exponent, entry.occurred_at, entry.click_id_kind, entry.click_id, entry.clicked_at,
       entry.adjusted_at, entry.attempts, entry.first_sent_at, entry.batch_group, entry.batch_id, entry.in_doubt,
       entry.later_code, entry.later_tries, entry.later_since, original.first_sent_at as original_sent_at,
       original.occurred_at as original_at,
       case when entry.kind = 'adjustment' then original.sent_target
            when entry.in_doubt then entry.sent_target end as sent_target,
       nullif(visit.click_ids, jsonb_build_object(coalesce(entry.click_id_kind, ''), entry.click_id)) as other_click_ids,
       visit.landing_url, visit.user_agent, visit.ip_address,
       coalesce(visit.ad_user_data, 'unknown') as ad_user_data,
       coalesce(visit.ad_personalization, 'unknown') as ad_personalization
from unnest(string_to_array(:conversion_ids, ',')) with ordinality as wanted (conversion_id, place)
join conversion as entry
    on entry.conversion_id = wanted.conversion_id and entry.occurred_at between :earliest and :latest
left join click_time as kept on kept.source = entry.click_source and kept.click_ref = entry.click_ref
left join click as visit
    on visit.source = kept.source and visit.click_ref = kept.click_ref and visit.clicked_at = kept.clicked_at
left join lateral (
    select first_sent_at, occurred_at, sent_target from conversion
    where entry.parent_conversion_id is not null and conversion_id = entry.parent_conversion_id
) as original on true
order by wanted.place
