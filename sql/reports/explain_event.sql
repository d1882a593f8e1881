-- What billing said about one event. Input: :event_key. Output: one row. Cost: one probe.
select event_key, kind, lane, livemode, occurred_at, source_event_id, source_object_type, source_object_id,
       parent_event_key, customer_key, customer_country, subscription_ref, invoice_ref, payment_ref, currency, exponent,
       gross_minor, tax_minor, net_minor, discount_minor, net_after_minor, revision, observed_at, retired_at
from revenue_event
where event_key = :event_key
