-- The ledger's rows for one event, with the window each account counts clicks in and what was answered about its request. Input: :event_key. Output: rows of
-- conversion, by account. Cost: conversion_event probes.
select entry.conversion_id, entry.platform, entry.account, nullif(entry.action, '') as action, entry.kind, entry.verb,
       entry.state, entry.reason, entry.value_minor, entry.book_minor, entry.currency, entry.exponent,
       entry.occurred_at, entry.click_source, entry.click_ref, entry.clicked_at, entry.click_id_kind, entry.click_id,
       entry.vendor_id, entry.parent_conversion_id, entry.adjusted_at, entry.not_before, entry.deadline,
       entry.attempts, entry.in_doubt, entry.code, entry.planned_at, entry.changed_at,
       ad.network, ad.click_window_us, found.touches, found.last_outside_at,
       asked.request_ref, asked.accepted_at, asked.polls, asked.status as answer, asked.counts, asked.entries as asked_about,
       case when asked.done_at is null then asked.next_poll_at end as next_poll_at
from conversion as entry
left join plan_account as ad using (platform, account)
left join attributed_click as found
    on found.event_key = entry.event_key and found.platform = entry.platform and found.account = entry.account
left join settlement_poll as asked
    on asked.platform = entry.platform and asked.account = entry.account and asked.request_ref = entry.request_ref
where entry.event_key = :event_key
order by entry.platform, entry.account, entry.kind, entry.planned_at
