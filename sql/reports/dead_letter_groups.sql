-- How many rows wait for a person, by account, state and code, and what they are worth.
-- Input:  :states (array), :platform, :account, :code (text or null), :start, :end (aware times or infinity).
-- Output: a row per account, state, reason, code and currency. Cost: an index scan of conversion_open.
select platform, account, state, reason, coalesce(code, '') as code, currency, exponent,
       count(*) as entries, sum(value_minor)::bigint as value_minor, min(changed_at) as oldest,
       min(deadline) as next_deadline
from conversion
where queue in ('held', 'unknown', 'rejected') and queue = any (cast(:states as text[]))
    and (cast(:platform as text) is null or platform = :platform)
    and (cast(:account as text) is null or account = :account)
    and (cast(:code as text) is null or coalesce(code, '') = :code)
    and occurred_at >= cast(:start as timestamptz) and occurred_at < cast(:end as timestamptz)
group by platform, account, state, reason, coalesce(code, ''), currency, exponent
order by platform, account, state, reason, code, currency, exponent
