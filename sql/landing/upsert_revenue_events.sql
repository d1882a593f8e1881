-- Writes the books of some customers: new and changed facts, and what the change makes stale downstream. Of a fact that
-- another record tells by now, which one is noted; that is no change.
-- Input:  staged_revenue_event (shaped like revenue_event). Output: revenue_event, dirty(attribute), dirty(plan).
-- Cost:   one primary-key probe a staged fact; only differing rows are written.
with same as (
    select event_key
    from staged_revenue_event as staged
    join revenue_event as known using (event_key)
    where known.content_hash = staged.content_hash and known.retired_at is null
), written as (
    insert into revenue_event as known (
        event_key, provider, provider_account, livemode, kind, lane, expansion, is_full, occurred_at,
        occurred_at_precision, source_event_id, source_api_version, source_object_type, source_object_id,
        parent_event_key, customer_key, customer_ref, customer_country, subscription_ref, invoice_ref,
        payment_ref, currency, exponent, gross_minor, tax_minor, net_minor, discount_minor,
        credit_applied_minor, off_provider_minor, cumulative_refunded_minor, net_after_minor, interval,
        interval_count, price_ref_before, price_ref_after, quantity_before, quantity_after, mrr_before_minor,
        mrr_after_minor, is_first_for_customer, is_first_for_subscription, is_trial, reconstructed,
        period_start, period_end, click_ids, content_hash, transport
    )
    select
        event_key, provider, provider_account, livemode, kind, lane, expansion, is_full, occurred_at,
        occurred_at_precision, source_event_id, source_api_version, source_object_type, source_object_id,
        parent_event_key, customer_key, customer_ref, customer_country, subscription_ref, invoice_ref,
        payment_ref, currency, exponent, gross_minor, tax_minor, net_minor, discount_minor,
        credit_applied_minor, off_provider_minor, cumulative_refunded_minor, net_after_minor, interval,
        interval_count, price_ref_before, price_ref_after, quantity_before, quantity_after, mrr_before_minor,
        mrr_after_minor, is_first_for_customer, is_first_for_subscription, is_trial, reconstructed,
        period_start, period_end, click_ids, content_hash, transport
    from staged_revenue_event
    on conflict (event_key) do update
    set
        provider = excluded.provider, provider_account = excluded.provider_account,
        livemode = excluded.livemode, kind = excluded.kind, lane = excluded.lane,
        expansion = excluded.expansion, is_full = excluded.is_full, occurred_at = excluded.occurred_at,
        occurred_at_precision = excluded.occurred_at_precision, source_event_id = excluded.source_event_id,
        source_api_version = excluded.source_api_version, source_object_type = excluded.source_object_type,
        source_object_id = excluded.source_object_id, parent_event_key = excluded.parent_event_key,
        customer_key = excluded.customer_key, customer_ref = excluded.customer_ref,
        customer_country = excluded.customer_country, subscription_ref = excluded.subscription_ref,
        invoice_ref = excluded.invoice_ref, payment_ref = excluded.payment_ref, currency = excluded.currency,
        exponent = excluded.exponent, gross_minor = excluded.gross_minor, tax_minor = excluded.tax_minor,
        net_minor = excluded.net_minor, discount_minor = excluded.discount_minor,
        credit_applied_minor = excluded.credit_applied_minor, off_provider_minor = excluded.off_provider_minor,
        cumulative_refunded_minor = excluded.cumulative_refunded_minor,
        net_after_minor = excluded.net_after_minor, interval = excluded.interval,
        interval_count = excluded.interval_count, price_ref_before = excluded.price_ref_before,
        price_ref_after = excluded.price_ref_after, quantity_before = excluded.quantity_before,
        quantity_after = excluded.quantity_after, mrr_before_minor = excluded.mrr_before_minor,
        mrr_after_minor = excluded.mrr_after_minor, is_first_for_customer = excluded.is_first_for_customer,
        is_first_for_subscription = excluded.is_first_for_subscription, is_trial = excluded.is_trial,
        reconstructed = excluded.reconstructed, period_start = excluded.period_start,
        period_end = excluded.period_end, click_ids = excluded.click_ids, content_hash = excluded.content_hash,
        revision = known.revision
            + case when known.content_hash = excluded.content_hash and known.retired_at is null then 0 else 1 end,
        retired_at = null
    where known.content_hash <> excluded.content_hash or known.retired_at is not null
        or known.source_event_id <> excluded.source_event_id
    returning event_key, parent_event_key
), changed as (
    select event_key, parent_event_key from written where event_key not in (select event_key from same)
), stale as (
    select event_key from changed
    union
    select parent_event_key from changed where parent_event_key is not null
    union
    select child.event_key
    from changed
    join revenue_event as child on child.parent_event_key = changed.event_key
), for_attribution as (
    insert into dirty (room, key)
    select distinct 'attribute', event_key from stale order by 2
    on conflict (room, key) do update set marked_at = excluded.marked_at
), for_planning as (
    insert into dirty (room, key)
    select distinct 'plan', event_key from stale order by 2
    on conflict (room, key) do update set marked_at = excluded.marked_at
)
select count(*) as changed from changed
