-- Rows that wait for a person, with the last words about each: refused, in doubt, held.
-- Input:  :states (array), :platform, :account, :code (text or null), :start, :end (aware times or infinity), :most, :skip.
-- Output: a row each, by account, state, reason and code, the nearest deadline first. Cost: an index scan of conversion_open, a
--         sort of what it finds, a delivery_attempt_conversion probe for each row shown.
with waiting as (
    select *
    from conversion
    where queue in ('held', 'unknown', 'rejected') and queue = any (cast(:states as text[]))
        and (cast(:platform as text) is null or platform = :platform)
        and (cast(:account as text) is null or account = :account)
        and (cast(:code as text) is null or coalesce(code, '') = :code)
        and occurred_at >= cast(:start as timestamptz) and occurred_at < cast(:end as timestamptz)
    order by platform, account, state, reason, code, deadline, conversion_id
    limit :most offset :skip
)
select waiting.conversion_id, waiting.vendor_id, waiting.platform, waiting.account, waiting.state, waiting.reason,
       coalesce(waiting.code, '') as code, coalesce(said.text, '') as text, waiting.kind, waiting.verb, waiting.event_kind,
       waiting.value_minor, waiting.currency, waiting.exponent, waiting.occurred_at, waiting.changed_at as since,
       waiting.deadline, waiting.attempts
from waiting
left join lateral (
    select text
    from delivery_attempt as attempt
    where attempt.conversion_id = waiting.conversion_id and attempt.phase <> 'intent'
    order by attempt.attempt_id desc
    limit 1
) as said on true
order by platform, account, state, reason, code, deadline, conversion_id
