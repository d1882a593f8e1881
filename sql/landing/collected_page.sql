-- The oldest messages of the collector that are not landed.
-- Input:  collector_inbox, :page. Output: up to :page rows in the order of arrival. Cost: their primary-key entries.
select inbox_id, kind, received_at, visitor_id, body, user_agent, ip_address
from collector_inbox
order by inbox_id
limit :page
