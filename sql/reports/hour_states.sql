-- How each hour of one account stands: rows by state and reason, what they hold in value, what should have left. Rows that
-- another run planned after :since are that run's to send.
-- Input:  :platform, :account, :window_start, :window_end, :since, :now. Output: a row per (hour, state, reason, currency, exponent).
-- Cost:   an index scan of conversion_time for the window.
select date_trunc('hour', occurred_at, 'UTC') as hour, state, reason, currency, exponent,
       count(*) as entries,
       sum(book_minor)::bigint as book_minor,
       sum(case when state = 'planned' and deadline > :now
                     and (not_before <= :now and reason <> 'waits_for_original' or reason = 'waits_retry')
                     and not (reason = 'ready' and changed_at > :since)
                then 1 else 0 end)::bigint as retryable_left
from conversion
where platform = :platform and account = :account and occurred_at >= :window_start and occurred_at < :window_end
    and reason <> 'replanned'
group by hour, state, reason, currency, exponent
order by hour, state, reason, currency
