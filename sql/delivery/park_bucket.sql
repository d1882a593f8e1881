-- Nothing of a bucket is asked until a moment: a quota is used up, or the vendor says when to come back.
-- Input:  :platform, :account, :bucket, :now, :until, :strikes, :code, :text. Output: delivery_pace. Cost: one probe.
update delivery_pace
set parked_at = :now, parked_until = :until, strikes = :strikes, parked_code = :code, parked_text = :text
where platform = :platform and account = :account and bucket = :bucket
