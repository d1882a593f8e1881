-- The quota has room again: the next time it is used up, pauses begin with the shortest.
-- Input:  :platform, :account, :bucket. Output: delivery_pace. Cost: one probe.
update delivery_pace set strikes = 0 where platform = :platform and account = :account and bucket = :bucket
