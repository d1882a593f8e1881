-- Removes messages, in the transaction that lands them; another one may have landed some meanwhile.
-- Input: :inbox_ids. Output: collector_inbox; the ids that were still there. Cost: primary-key probes.
delete from collector_inbox where inbox_id = any(cast(:inbox_ids as bigint[])) returning inbox_id
