-- Where a page of provider records waits to be landed. Dropped with the transaction.
create temporary table if not exists staged_raw_event (
    provider text, account text, event_id text, event_type text, created_at timestamptz, livemode boolean,
    api_version text, customer_ref text, invoice_ref text, payment_ref text, transport text, body json,
    body_sha256 text
) on commit drop
