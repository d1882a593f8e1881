-- Rows that never left follow the facts; differing rows only. A retry's own delay and a hold for a credential stay.
-- Input:  desired, conversion, :now. Output: conversion. Cost: primary-key probes.
update conversion as known
set state = case when held_back then known.state else desired.state end,
    reason = case when held_back or waits then known.reason else desired.reason end,
    verb = desired.verb, value_minor = desired.value_minor, book_minor = desired.book_minor, net_minor = desired.net_minor,
    currency = desired.currency, exponent = desired.exponent, occurred_at = desired.occurred_at,
    click_source = desired.click_source, click_ref = desired.click_ref, clicked_at = desired.clicked_at,
    click_id_kind = desired.click_id_kind, click_id = desired.click_id, vendor_id = desired.vendor_id,
    parent_conversion_id = desired.parent_conversion_id, adjusted_at = desired.adjusted_at,
    not_before = case when waits then greatest(known.not_before, desired.not_before) else desired.not_before end,
    deadline = desired.deadline, changed_at = :now
from (
    select desired.*,
           entry.state = 'held' and entry.reason in ('credential_or_configuration', 'account_setting')
               and desired.state = 'planned' as held_back,
           entry.state = 'planned' and entry.reason = 'waits_retry' and desired.state = 'planned' as waits
    from desired
    join conversion as entry on entry.conversion_id = desired.conversion_id
) as desired
where known.conversion_id = desired.conversion_id
    and known.state in ('planned', 'held', 'skipped', 'superseded') and not known.in_doubt
    and (known.state, known.reason, known.verb, known.value_minor, known.book_minor, known.net_minor,
         known.currency, known.exponent, known.occurred_at, known.click_source, known.click_ref, known.clicked_at,
         known.click_id_kind, known.click_id, known.vendor_id, known.parent_conversion_id, known.adjusted_at, known.deadline,
         case when waits then null else known.not_before end)
        is distinct from
        (case when held_back then known.state else desired.state end,
         case when held_back or waits then known.reason else desired.reason end,
         desired.verb, desired.value_minor, desired.book_minor, desired.net_minor, desired.currency, desired.exponent,
         desired.occurred_at, desired.click_source, desired.click_ref, desired.clicked_at, desired.click_id_kind,
         desired.click_id, desired.vendor_id, desired.parent_conversion_id, desired.adjusted_at, desired.deadline,
         case when waits then null else desired.not_before end)
