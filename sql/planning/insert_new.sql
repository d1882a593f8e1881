-- Opens a row for every pair that has none.
-- Input:  desired, conversion, :now. Output: conversion. Cost: conversion primary-key probes.
insert into conversion (conversion_id, event_key, platform, account, action, kind, verb, event_kind, state, reason,
                        value_minor, book_minor, net_minor, currency, exponent, occurred_at, click_source, click_ref, clicked_at,
                        click_id_kind, click_id, vendor_id, parent_conversion_id, adjusted_at, not_before, deadline,
                        planned_at, changed_at)
select conversion_id, event_key, platform, account, action, kind, verb, event_kind, state, reason,
       value_minor, book_minor, net_minor, currency, exponent, occurred_at, click_source, click_ref, clicked_at,
       click_id_kind, click_id, vendor_id, parent_conversion_id, adjusted_at, not_before, deadline, :now, :now
from desired
where not exists (select 1 from conversion as known where known.conversion_id = desired.conversion_id)
