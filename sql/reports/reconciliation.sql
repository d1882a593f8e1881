-- To the cent: per ad account and currency, what billing says and where every cent of it stands (DESIGN.md §4, law 5).
--   billing     net of the alive live-mode money events; credit moves no cash and is none of it
--   held        what the rows the platform holds changed in its books (book_minor)
--   value_rule  net when they were planned minus what the platform was told, for those rows: the value rule's doing
--   revised     what billing changed of those rows' facts after they had left. A refund that was taken off before its
--               payment left, or is carried by a later correction, cancels out here.
--   not_held    net of the rows the platform does not hold, by state and reason
--   retired     rows the platform holds of facts billing no longer states
-- What was told is read from value_minor alone, so a book entry that differs from it leaves a residual. Rows reported in
-- another currency or exponent than their event's (fixed values) count wholly as the value rule's.
-- Input:  :start, :end (aware times or infinity). Output: part, state, reason, entries, minor per account and currency.
-- Cost:   revenue_event_time for the span, then conversion_event and conversion_parent probes.
with event as (
    select event_key, currency, exponent, net_minor,
           retired_at is null and livemode and lane = 'money'
               and kind not in ('credit', 'credit_reversed') as counts
    from revenue_event
    where occurred_at >= cast(:start as timestamptz) and occurred_at < cast(:end as timestamptz)
        and currency is not null
), billing as (
    select platform, account, currency, exponent, 'billing' as part, '' as state, '' as reason,
           count(*) as entries, sum(net_minor)::bigint as minor
    from event
    cross join plan_account
    where counts
    group by platform, account, currency, exponent
), entry as (
    select known.platform, known.account, event.currency, event.exponent, known.state, known.reason, event.counts,
           case when event.counts then event.net_minor else 0 end as net,
           known.state in ('settled', 'accepted') as held,
           known.currency = event.currency and known.exponent = event.exponent as same_money,
           known.book_minor as book,
           case when known.verb = 'retract' then 0 else coalesce(known.value_minor, 0) end
               - case when known.kind = 'conversion' then 0
                      when earlier.verb = 'retract' then 0
                      else coalesce(earlier.value_minor, original.value_minor, 0) end as told,
           coalesce(known.net_minor, 0)
               - case when known.kind = 'conversion' then 0
                      else coalesce(earlier.net_minor, original.net_minor, 0) end as planned_net,
           (known.reason in ('netted_before_send', 'overtaken') or (known.kind = 'adjustment' and known.state = 'rejected'))
               and original.state in ('settled', 'accepted')
               and (known.reason = 'netted_before_send' or exists (
                   select 1 from conversion as later
                   where later.parent_conversion_id = known.parent_conversion_id and later.state in ('settled', 'accepted')
                       and later.adjusted_at > known.adjusted_at
               )) as carried
    from event
    join conversion as known on known.event_key = event.event_key and known.reason <> 'replanned'
    join plan_account using (platform, account)
    left join conversion as original on original.conversion_id = known.parent_conversion_id
    left join lateral (
        select sent.value_minor, sent.net_minor, sent.verb
        from conversion as sent
        where sent.parent_conversion_id = known.parent_conversion_id and sent.adjusted_at < known.adjusted_at
            and sent.state in ('settled', 'accepted')
        order by sent.adjusted_at desc
        limit 1
    ) as earlier on true
), share as (
    select platform, account, currency, exponent, 'held' as part, '' as state, '' as reason, 1 as entries,
           case when same_money then book else 0 end as minor
    from entry
    where held
    union all
    select platform, account, currency, exponent, case when counts then 'value_rule' else 'retired' end, '', '', 1,
           case when counts then planned_net else 0 end - case when same_money then told else 0 end
    from entry
    where held
    union all
    select platform, account, currency, exponent, 'revised', '', '', 1, net - case when held then planned_net else 0 end
    from entry
    where counts and (held or carried)
    union all
    select platform, account, currency, exponent, 'not_held', state, reason, 1, net
    from entry
    where not held and not carried and counts
)
select platform, account, currency, exponent, part, state, reason, entries, minor from billing
union all
select platform, account, currency, exponent, part, state, reason, count(*), sum(minor)::bigint
from share
group by platform, account, currency, exponent, part, state, reason
order by platform, account, currency, exponent, part, state, reason
