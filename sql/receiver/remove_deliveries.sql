-- Webhooks that were landed, in the transaction that landed them.
-- Input:  :landed (array of inbox_id). Output: webhook_inbox. Cost: a primary-key probe each.
delete from webhook_inbox
where inbox_id = any (:landed)
