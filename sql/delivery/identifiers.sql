-- Who the customers of some conversions are, under the rules the account sends; of who has refused by now, nothing. Asked
-- only for accounts that send identifiers. Consent that nobody asked for is no refusal, as for the conversion itself.
-- Input:  :conversion_ids (with commas), :earliest, :latest (times of their events), :rules (array).
-- Output: conversion_id and its values by rule, for conversions whose customer is known by any.
-- Cost:   primary-key probes in the partitions of that time, and of the few values of each customer.
select entry.conversion_id, jsonb_object_agg(known.rule, known.value) as identifiers
from unnest(string_to_array(:conversion_ids, ',')) as wanted (conversion_id)
join conversion as entry
    on entry.conversion_id = wanted.conversion_id and entry.occurred_at between :earliest and :latest
        and entry.kind = 'conversion'
join revenue_event as event on event.event_key = entry.event_key
join customer_identifier as known on known.customer_key = event.customer_key and known.rule = any (:rules)
left join click_time as kept on kept.source = entry.click_source and kept.click_ref = entry.click_ref
left join click as visit
    on visit.source = kept.source and visit.click_ref = kept.click_ref and visit.clicked_at = kept.clicked_at
where coalesce(visit.ad_user_data, 'unknown') <> 'denied'
group by entry.conversion_id
