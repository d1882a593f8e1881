-- All stored records of some customers, one customer after the other.
-- Input:  :provider, :account, :customers (array). Output: records in the shape of RawRecord, with their transport.
-- Cost:   an index scan of raw_event_customer: what these customers ever caused, nothing else.
select resolved_customer, event_id, event_type, created_at, livemode, api_version, customer_ref, invoice_ref,
       payment_ref, body::text as body, transport
from raw_event
where provider = :provider and account = :account and resolved_customer = any (:customers)
order by resolved_customer, created_at, event_id
