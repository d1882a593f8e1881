-- Who earned the money: net of live payments and refunds by credit model and network; `none` had no touch at all.
-- Input:  :start, :end (aware times or infinity). Output: model (null for `none`), network, currency, exponent, credit_minor.
-- Cost:   revenue_event_time for the span, credit primary-key probes.
select credit.model, coalesce(credit.network, 'none') as network, event.currency, event.exponent,
       sum(coalesce(credit.credit_minor, event.net_minor))::bigint as credit_minor
from revenue_event as event
left join credit using (event_key)
where event.retired_at is null and event.lane = 'money' and event.livemode
    and event.occurred_at >= cast(:start as timestamptz) and event.occurred_at < cast(:end as timestamptz)
group by credit.model, coalesce(credit.network, 'none'), event.currency, event.exponent
order by event.currency, coalesce(credit.network, 'none'), credit.model
