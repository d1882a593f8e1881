-- Keeps the deliveries of many requests at once; on disk when the statement returns, in the receiver's autocommit mode.
-- Input:  arrays of equal length: :providers, :accounts, :times, :headers (JSON texts), :bodies. Output: webhook_inbox.
-- Cost:   two index entries a delivery, one flush to disk a statement.
insert into webhook_inbox (provider, account, received_at, headers, body)
select provider, account, received_at, cast(headers as jsonb), body
from unnest(
    cast(:providers as text[]), cast(:accounts as text[]), cast(:times as timestamptz[]), cast(:headers as text[]),
    cast(:bodies as bytea[])
) as delivery (provider, account, received_at, headers, body)
