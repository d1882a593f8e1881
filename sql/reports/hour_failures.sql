-- The rows of a window that need a look, with the last thing the platform said about each.
-- Input:  :platform, :account, :window_start, :window_end, :now, :most. Output: at most :most rows an hour.
-- Cost:   an index scan of conversion_time for the window, and delivery_attempt_conversion for the rows found.
with failing as (
    select conversion.*,
           row_number() over (
               partition by date_trunc('hour', occurred_at, 'UTC')
               order by case state when 'held' then 0 when 'unknown' then 1 when 'rejected' then 2 else 3 end,
                        conversion_id
           ) as place
    from conversion
    where platform = :platform and account = :account
        and occurred_at >= :window_start and occurred_at < :window_end
        and (state in ('rejected', 'held', 'unknown')
             or state = 'planned' and reason in ('waits_retry', 'resend_in_doubt') and deadline > :now)
)
select date_trunc('hour', failing.occurred_at, 'UTC') as hour, failing.conversion_id, failing.state, failing.reason,
       coalesce(failing.code, last_attempt.code, '') as code, coalesce(last_attempt.text, '') as text,
       failing.value_minor, failing.currency, failing.exponent, failing.occurred_at
from failing
left join lateral (
    select attempt.code, attempt.text
    from delivery_attempt as attempt
    where attempt.conversion_id = failing.conversion_id and attempt.phase <> 'intent'
    order by attempt.attempt_id desc
    limit 1
) as last_attempt on true
where failing.place <= :most
order by hour, failing.place
