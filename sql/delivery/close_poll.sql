-- Writes down what asking after a request gave: its status and counts, and another time to ask, or the end.
-- Input:  :platform, :account, :request_ref, :now, :next_poll_at, :done, :status, :entries, :counts (JSON: reason -> rows).
-- Output: settlement_poll. Cost: one probe.
update settlement_poll
set polls = polls + 1, next_poll_at = :next_poll_at, status = :status, entries = :entries,
    counts = cast(:counts as jsonb), done_at = case when :done then cast(:now as timestamptz) end
where platform = :platform and account = :account and request_ref = :request_ref
