-- Where the outcomes of one request wait to be written. Dropped with the transaction.
create temporary table staged_outcome (
    conversion_id text primary key, state text not null, reason text not null, code text, not_before timestamptz,
    in_doubt boolean not null, counts_as_attempt boolean not null, request_ref text, batch_group text
) on commit drop
