-- What should become of every refund, chargeback or reversal at every ad account. It corrects what the platform holds, so
-- it depends on whether the payment left: not yet, and its value is lowered instead; never, and there is nothing to do.
-- Only the latest unsent correction of a payment goes out: it carries the absolute value, earlier unsent ones are
-- overtaken, unless the platform refused the later one. One that became known after a later one left goes out too: banks
-- confirm refunds in any order. While one may still be on its way the others wait, as their worth depends on it.
-- Input:  work_event, revenue_event, plan_account, plan_rule, conversion (payments already planned), :now.
-- Output: temporary table desired, shaped like conversion. Cost: probes of conversion_event and revenue_event_parent.
insert into desired (conversion_id, event_key, platform, account, action, kind, verb, event_kind, state, reason,
                     value_minor, book_minor, net_minor, currency, exponent, occurred_at, click_source, click_ref, clicked_at,
                     click_id_kind, click_id, vendor_id, parent_conversion_id, adjusted_at, not_before, deadline)
with correction as (
    select event.*, payment.gross_minor - coalesce(event.cumulative_refunded_minor, 0) as gross_after_minor,
           payment.net_minor + every.net_minor as net_left, payment.gross_minor + every.gross_minor as gross_left
    from work_event
    join revenue_event as event using (event_key)
    left join revenue_event as payment on payment.event_key = event.parent_event_key and payment.retired_at is null
    left join lateral (
        select sum(sibling.net_minor)::bigint as net_minor, sum(sibling.gross_minor)::bigint as gross_minor
        from revenue_event as sibling
        where sibling.parent_event_key = event.parent_event_key and sibling.retired_at is null
    ) as every on true
    where event.retired_at is null
        and event.kind in ('refund', 'refund_reversed', 'chargeback', 'chargeback_reversed', 'payment_reversed')
), pair as (
    select correction.event_key, correction.kind as event_kind, correction.livemode, correction.occurred_at,
           correction.net_minor, later.overtaken,
           ad.platform, ad.account, ad.can_restate, ad.can_retract, ad.final_click_kinds,
           original.conversion_id as original_id, coalesce(original.action, '') as action,
           original.state as original_state, original.occurred_at as original_at, original.currency,
           original.exponent, original.click_source, original.click_ref, original.clicked_at,
           original.click_id_kind, original.click_id, original.vendor_id, original.value_minor as original_value,
           original.state in ('in_flight', 'accepted', 'settled', 'unknown') or original.in_doubt as original_left,
           original.occurred_at
               + (ad.adjustment_window_us - ad.deadline_margin_us) * interval '1 microsecond' as deadline,
           case when known.net <= 0 then 0
                else ruled_value(rule.value_rule, known.net, known.gross, rule.factor, rule.fixed_minor)
           end as value_after,
           known.net as net_after
    from correction
    cross join plan_account as ad
    left join conversion as original
        on original.event_key = correction.parent_event_key and original.platform = ad.platform
        and original.account = ad.account and original.kind = 'conversion' and original.reason <> 'replanned'
    left join plan_rule as rule
        on rule.platform = ad.platform and rule.account = ad.account and rule.event_kind = original.event_kind
    cross join lateral (
        select coalesce(bool_or(not stand.gone), false) as unsent,
               coalesce(bool_or(not stand.gone and not stand.refused), false) as overtaken
        from revenue_event as other
        cross join lateral (
            select coalesce(bool_or(entry.state in ('in_flight', 'accepted', 'settled', 'unknown') or entry.in_doubt
                                    or entry.reason = 'netted_before_send'), false) as gone,
                   coalesce(bool_or(entry.state = 'rejected'), false) as refused
            from conversion as entry
            where entry.event_key = other.event_key and entry.platform = ad.platform and entry.account = ad.account
                and entry.kind = 'adjustment'
        ) as stand
        where other.parent_event_key = correction.parent_event_key and other.retired_at is null
            and (other.occurred_at, other.event_key) > (correction.occurred_at, correction.event_key)
    ) as later
    cross join lateral (
        select coalesce(case when not later.unsent then correction.net_left end, correction.net_after_minor) as net,
               coalesce(case when not later.unsent then correction.gross_left end, correction.gross_after_minor) as gross
    ) as known
), standing as (
    select pair.*, earlier.value_minor as earlier_value, earlier.verb as earlier_verb,
           earlier.adjusted_at as earlier_at, own.reason as own_reason,
           exists (
               select 1
               from conversion as sent
               where sent.parent_conversion_id = pair.original_id and sent.event_key <> pair.event_key
                   and (sent.state in ('in_flight', 'accepted') or sent.in_doubt)
           ) as another_open
    from pair
    left join lateral (
        select sent.value_minor, sent.verb, sent.adjusted_at
        from conversion as sent
        where sent.parent_conversion_id = pair.original_id and sent.event_key <> pair.event_key
            and (sent.state in ('in_flight', 'accepted', 'settled', 'unknown') or sent.in_doubt)
        order by sent.adjusted_at desc, sent.conversion_id
        limit 1
    ) as earlier on true
    left join conversion as own
        on own.event_key = pair.event_key and own.platform = pair.platform and own.account = pair.account
        and own.kind = 'adjustment' and own.reason = 'netted_before_send'
), valued as (
    select standing.*,
           case when earlier_verb = 'retract' then 0 else coalesce(earlier_value, original_value, 0) end as value_held,
           greatest(occurred_at, original_at + interval '1 second', earlier_at + interval '1 second') as adjusted_at
    from standing
), reasoned as (
    select valued.*,
           case
               when not livemode then 'test_mode'
               when original_id is null or original_state in ('skipped', 'rejected') then 'nothing_to_adjust'
               when not original_left or own_reason is not null then 'netted_before_send'
               when overtaken then 'overtaken'
               when earlier_verb = 'retract' then 'adjustment_final'
               when value_after is null or value_after = value_held then 'value_unchanged'
               when (value_after > 0 and not can_restate) or (value_after = 0 and not can_retract)
                   or click_id_kind = any (final_click_kinds)
                   then 'refund_unsupported'
               when deadline <= :now then 'adjustment_too_old'
               when original_state <> 'settled' or another_open then 'waits_for_original'
               else 'ready'
           end as reason
    from valued
)
select conversion_id(event_key, platform, account, action, 'adjustment'),
       event_key, platform, account, action, 'adjustment',
       case when value_after > 0 then 'restate' else 'retract' end,
       event_kind,
       case when reason in ('ready', 'waits_for_original') then 'planned' else 'skipped' end,
       reason,
       case when value_after > 0 then value_after end,
       case when reason in ('ready', 'waits_for_original') then value_after - value_held else 0 end,
       net_after, currency, exponent, occurred_at, click_source, click_ref, clicked_at, click_id_kind, click_id,
       coalesce(vendor_id, 'cs_' || conversion_id(event_key, platform, account, action, 'adjustment')),
       original_id, adjusted_at, occurred_at, deadline
from reasoned
