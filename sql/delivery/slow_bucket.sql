-- The quota is nearly used up: the next request leaves no sooner than at a moment.
-- Input:  :platform, :account, :bucket, :until. Output: delivery_pace. Cost: one probe.
update delivery_pace
set next_at = greatest(next_at, :until)
where platform = :platform and account = :account and bucket = :bucket
