-- The books, one record a row of the ledger, in order of time. Rows another took the place of only when asked for.
-- Input:  :state, :platform, :account, :reason (text or null), :start, :end (aware times or infinity).
-- Output: see docs/ledger.md, "The record". Cost: one pass over the span's partitions, an attempt probe a row that was sent.
select entry.conversion_id, entry.event_key as revenue_event, event.source_object_type as object_type,
       event.source_object_id as object_id, event.invoice_ref as invoice, event.subscription_ref as subscription,
       event.payment_ref as payment, event.customer_ref as customer,
       entry.platform, entry.account, nullif(entry.action, '') as action, entry.kind, entry.verb, entry.event_kind,
       entry.state, entry.reason, entry.value_minor, entry.book_minor, entry.exponent, entry.currency,
       entry.occurred_at, entry.click_id_kind, entry.click_id, entry.clicked_at, entry.vendor_id, entry.attempts,
       coalesce(entry.code, last_attempt.code) as code, last_attempt.text, entry.deadline, entry.not_before
from conversion as entry
left join revenue_event as event on event.event_key = entry.event_key
left join lateral (
    select attempt.code, attempt.text
    from delivery_attempt as attempt
    where attempt.conversion_id = entry.conversion_id and attempt.phase <> 'intent'
    order by attempt.attempt_id desc
    limit 1
) as last_attempt on true
where entry.occurred_at >= cast(:start as timestamptz) and entry.occurred_at < cast(:end as timestamptz)
    and (cast(:state as text) is null or entry.state = :state)
    and (cast(:platform as text) is null or entry.platform = :platform)
    and (cast(:account as text) is null or entry.account = :account)
    and (entry.reason = cast(:reason as text) or (cast(:reason as text) is null and entry.reason <> 'replanned'))
order by entry.occurred_at, entry.conversion_id
