-- What a platform adapter needs to know of some ledger rows, with the click each is sent for as it is kept now: a row in
-- doubt is sent again with the consent of today, even if the click's time was corrected since.
-- Input:  :conversion_ids (array). Output: one row each, in the array's order. Cost: primary-key probes.
select entry.conversion_id, entry.vendor_id, entry.kind, entry.verb, entry.event_kind, entry.action, entry.platform, entry.account,
       entry.value_minor, entry.currency, entry.exponent, entry.occurred_at, entry.click_id_kind, entry.click_id, entry.clicked_at,
       entry.adjusted_at, entry.attempts, entry.first_sent_at, entry.deadline, entry.batch_group, entry.in_doubt,
       entry.later_code, entry.later_tries, entry.later_since,
       original.first_sent_at as original_sent_at, original.occurred_at as original_at,
       case when entry.kind = 'adjustment' then original.sent_target
            when entry.in_doubt then entry.sent_target end as sent_target,
       visit.click_ids, visit.landing_url, visit.user_agent, visit.ip_address,
       coalesce(visit.ad_user_data, 'unknown') as ad_user_data,
       coalesce(visit.ad_personalization, 'unknown') as ad_personalization
from unnest(cast(:conversion_ids as text[])) with ordinality as wanted (conversion_id, place)
join conversion as entry on entry.conversion_id = wanted.conversion_id
left join click_time as kept on kept.source = entry.click_source and kept.click_ref = entry.click_ref
left join click as visit
    on visit.source = kept.source and visit.click_ref = kept.click_ref and visit.clicked_at = kept.clicked_at
left join conversion as original on original.conversion_id = entry.parent_conversion_id
order by wanted.place
