-- Webhooks nobody can read: they stay, with the reason and the release that could not.
-- Input:  :parked (array of inbox_id), :reasons (array of the same length), :release, :now. Output: webhook_inbox.
-- Cost:   a primary-key probe each.
update webhook_inbox as kept
set parked_at = :now, parked_reason = told.reason, parked_by = :release
from unnest(cast(:parked as bigint[]), cast(:reasons as text[])) as told (inbox_id, reason)
where kept.inbox_id = told.inbox_id
