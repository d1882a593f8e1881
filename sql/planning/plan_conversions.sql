-- What should become of every event at every ad account: sent, when, by which deadline, with which value and click; or
-- not sent, and why. The first reason that applies wins. Refunds known before a payment leaves are taken off its value.
-- Nothing of a billing account leaves before its past is known: it is held until then.
-- Who paid under another billing account before pays no first time; where the evidence of who that is contradicts itself
-- nobody knows, and neither whose a disputed visitor's clicks are.
-- Input:  work_event, revenue_event, billing_history, plan_account, plan_rule, attributed_click, conversion, customer_alias,
--         quarantined_identity, click, :now, :kinds, :networks (arrays: identifiers and whose each is).
-- Output: temporary table desired, shaped like conversion. Cost: primary-key probes for the events at work; for those without
--         a click a quarantined_identity_candidate probe.
insert into desired (conversion_id, event_key, platform, account, action, kind, verb, event_kind, state, reason,
                     value_minor, book_minor, net_minor, currency, exponent, occurred_at, click_source, click_ref, clicked_at,
                     click_id_kind, click_id, vendor_id, parent_conversion_id, adjusted_at, not_before, deadline)
with event as (
    select revenue.*, coalesce(alias.canonical_key, revenue.customer_key) as payer,
           revenue.net_minor + coalesce(correction.net_minor, 0) as net_left,
           revenue.gross_minor + coalesce(correction.gross_minor, 0) as gross_left
    from work_event
    join revenue_event as revenue using (event_key)
    left join customer_alias as alias on alias.customer_key = revenue.customer_key
    left join lateral (
        select sum(child.net_minor)::bigint as net_minor, sum(child.gross_minor)::bigint as gross_minor
        from revenue_event as child
        where child.parent_event_key = revenue.event_key and child.retired_at is null
    ) as correction on true
    where revenue.retired_at is null
        and revenue.kind not in ('refund', 'refund_reversed', 'chargeback', 'chargeback_reversed', 'payment_reversed')
), pair as (
    select event.event_key, event.provider, event.provider_account, event.source_object_id, event.livemode,
           event.kind as event_kind, event.lane, event.occurred_at, event.customer_key, event.payer,
           event.net_minor, event.net_left, event.gross_left,
           ad.platform, ad.account, ad.network, ad.click_window_us, ad.max_event_age_us, ad.max_click_age_us, ad.deadline_margin_us,
           ad.min_click_age_us,
           rule.action, rule.value_rule,
           ruled_value(rule.value_rule, event.net_left, event.gross_left, rule.factor, rule.fixed_minor) as ruled_minor,
           case when rule.value_rule = 'fixed' then rule.fixed_currency else event.currency end as currency,
           case when rule.value_rule = 'fixed' then rule.fixed_exponent else event.exponent end as exponent,
           found.source as click_source, found.click_ref, found.clicked_at, found.click_id_kind, found.click_id,
           found.last_outside_at, found.ad_user_data
    from event
    cross join plan_account as ad
    left join plan_rule as rule
        on rule.platform = ad.platform and rule.account = ad.account and rule.event_kind = event.kind
    left join attributed_click as found
        on found.event_key = event.event_key and found.platform = ad.platform and found.account = ad.account
), timed as (
    select pair.*,
           greatest(occurred_at, clicked_at + min_click_age_us * interval '1 microsecond') as not_before,
           least(occurred_at + max_event_age_us * interval '1 microsecond',
                 clicked_at + max_click_age_us * interval '1 microsecond')
               - deadline_margin_us * interval '1 microsecond' as deadline
    from pair
), reasoned as (
    select timed.*, history.provider is not null as history_incomplete,
           case
               when not livemode then 'test_mode'
               when action is null then 'not_mapped'
               when customer_key is null then 'no_customer'
               when lane = 'money' and net_minor > 0 and net_left <= 0 then 'refunded_before_send'
               when value_rule <> 'fixed' and ruled_minor <= 0 then 'zero_value'
               when event_kind = 'first_payment' and exists (
                   select 1
                   from (
                       select payer as customer_key
                       union
                       select known.customer_key from customer_alias as known where known.canonical_key = payer
                   ) as member
                   join revenue_event as earlier on earlier.customer_key = member.customer_key
                   where earlier.retired_at is null and earlier.livemode
                       and earlier.kind in ('first_payment', 'renewal', 'expansion_payment', 'reactivation_payment',
                                            'one_off_payment', 'trial_payment')
                       and (earlier.occurred_at, earlier.event_key) < (timed.occurred_at, timed.event_key)
                       and (earlier.provider, earlier.provider_account) <> (timed.provider, timed.provider_account)
               ) then 'paid_elsewhere'
               when (event_kind = 'first_payment' or click_id is null) and exists (
                   select 1 from quarantined_identity as unclear
                   where unclear.of_end = 'customer' and unclear.of_id = payer
               ) then 'quarantined_identity'
               when click_id is null and exists (
                   select 1
                   from quarantined_identity as unclear
                   join click on click.visitor_id = unclear.of_id
                   join unnest(cast(:kinds as text[]), cast(:networks as text[])) as known (kind, network)
                       on known.network = timed.network and click.click_ids ->> known.kind is not null
                   where unclear.of_end = 'visitor' and unclear.candidate = payer
                       and click.clicked_at <= occurred_at
                       and click.clicked_at >= occurred_at - click_window_us * interval '1 microsecond'
               ) then 'quarantined_identity'
               when click_id is null and last_outside_at is not null then 'click_too_old'
               when click_id is null then 'no_click'
               when ad_user_data = 'denied' then 'no_consent'
               when deadline <= :now and occurred_at + max_event_age_us * interval '1 microsecond'
                   - deadline_margin_us * interval '1 microsecond' > :now then 'click_too_old'
               when deadline <= :now then 'event_too_old'
               when exists (
                   select 1
                   from revenue_event as old
                   join conversion as gone on gone.event_key = old.event_key
                   where old.provider = timed.provider and old.provider_account = timed.provider_account
                       and old.source_object_id = timed.source_object_id and old.retired_at is not null
                       and gone.platform = timed.platform and gone.account = timed.account
                       and (gone.state in ('in_flight', 'accepted', 'settled', 'unknown') or gone.in_doubt)
               ) then 'reclassified'
               when not_before > :now and occurred_at > :now then 'event_in_future'
               when not_before > :now then 'waits_click_age'
               else 'ready'
           end as reason
    from timed
    left join billing_history as history
        on history.provider = timed.provider and history.account = timed.provider_account and history.complete_at is null
), told as (
    select reasoned.*,
           case when history_incomplete and reason in ('ready', 'waits_click_age', 'event_in_future') then 'history_incomplete'
                else reason end as told_reason
    from reasoned
)
select conversion_id(event_key, platform, account, coalesce(action, ''), 'conversion'),
       event_key, platform, account, coalesce(action, ''), 'conversion', 'send', event_kind,
       case
           when told_reason in ('ready', 'waits_click_age', 'event_in_future') then 'planned'
           when told_reason = 'refunded_before_send' then 'superseded'
           when told_reason in ('reclassified', 'history_incomplete') then 'held'
           else 'skipped'
       end,
       told_reason,
       case when value_rule = 'fixed' and ruled_minor = 0 then null else ruled_minor end,
       coalesce(ruled_minor, 0), net_left, currency, exponent, occurred_at, click_source, click_ref, clicked_at, click_id_kind,
       click_id,
       'cs_' || conversion_id(event_key, platform, account, coalesce(action, ''), 'conversion'),
       null, null, not_before, deadline
from told
