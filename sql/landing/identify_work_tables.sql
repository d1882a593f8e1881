-- Where users that browsers named wait to be linked. Dropped with the transaction.
create temporary table if not exists staged_identity_link (
    from_end text, from_id text, to_end text, to_id text, evidence text, source_ref text, linked_at timestamptz
) on commit drop
