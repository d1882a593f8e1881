-- What a platform adapter needs to know of some ledger rows, with the click each is sent for.
-- Input:  :conversion_ids (array). Output: one row each, in the array's order. Cost: primary-key probes.
select entry.conversion_id, entry.vendor_id, entry.kind, entry.verb, entry.event_kind, entry.action, entry.platform, entry.account,
       entry.value_minor, entry.currency, entry.exponent, entry.occurred_at, entry.click_id_kind, entry.click_id, entry.clicked_at,
       entry.adjusted_at, entry.attempts, entry.first_sent_at, entry.deadline, entry.batch_group, entry.in_doubt,
       visit.click_ids, visit.landing_url, visit.user_agent, visit.ip_address,
       coalesce(visit.ad_user_data, 'unknown') as ad_user_data,
       coalesce(visit.ad_personalization, 'unknown') as ad_personalization
from unnest(cast(:conversion_ids as text[])) with ordinality as wanted (conversion_id, place)
join conversion as entry on entry.conversion_id = wanted.conversion_id
left join click as visit
    on visit.source = entry.click_source and visit.click_ref = entry.click_ref and visit.clicked_at = entry.clicked_at
order by wanted.place
