-- Keeps the messages of many requests at once; on disk when the statement returns, in the receiver's autocommit mode.
-- Input:  arrays of equal length: :kinds, :times, :visitors, :bodies (JSON texts), :agents, :addresses. Output: collector_inbox.
-- Cost:   one index entry a message, one flush to disk a statement.
insert into collector_inbox (kind, received_at, visitor_id, body, user_agent, ip_address)
select kind, received_at, visitor_id, cast(body as jsonb), user_agent, ip_address
from unnest(
    cast(:kinds as text[]), cast(:times as timestamptz[]), cast(:visitors as text[]), cast(:bodies as text[]),
    cast(:agents as text[]), cast(:addresses as text[])
) as message (kind, received_at, visitor_id, body, user_agent, ip_address)
