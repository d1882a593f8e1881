-- What billing said: alive events by kind, with their net per currency.
-- Input:  :start, :end (aware times or infinity). Output: a row per (kind, lane, livemode, currency, exponent). Cost: revenue_event_time.
select kind, lane, livemode, coalesce(currency, '') as currency, coalesce(exponent, 0) as exponent,
       count(*) as entries, sum(net_minor)::bigint as net_minor
from revenue_event
where retired_at is null
    and occurred_at >= cast(:start as timestamptz) and occurred_at < cast(:end as timestamptz)
group by kind, lane, livemode, currency, exponent
order by lane, kind, currency
