-- Where the books of some customers wait to be written. Dropped with the transaction.
create temporary table staged_revenue_event (like revenue_event) on commit drop;
alter table staged_revenue_event
    alter column revision drop not null, alter column observed_at drop not null;
create temporary table staged_identity_link (
    from_end text, from_id text, to_end text, to_id text, evidence text, source_ref text, linked_at timestamptz
) on commit drop;
create temporary table staged_parked_record (
    provider text, account text, source_ref text, reason text, detail text, customer_key text
) on commit drop;
create temporary table staged_identifier (
    customer_key text, rule text, value text, source_ref text, stated_at timestamptz
) on commit drop
