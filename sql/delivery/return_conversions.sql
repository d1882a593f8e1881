-- Gives back what was reserved for more conversions than there were.
-- Input:  :platform, :account, :bucket, :conversions. Output: delivery_pace. Cost: one probe.
update delivery_pace
set conversions = greatest(conversions - :conversions, 0)
where platform = :platform and account = :account and bucket = :bucket
