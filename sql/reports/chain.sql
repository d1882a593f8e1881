-- Every attempt in the order its account's chain was written, to be digested again.
-- Input:  :start (aware time or -infinity). Output: delivery_attempt, account by account. Cost: delivery_attempt_chain, whole.
select attempt_id, at, platform, account, conversion_id, batch_id, phase, outcome, code, text, request_ref,
       request_sha256, run_id, prev_digest, digest
from delivery_attempt
where at >= cast(:start as timestamptz)
order by platform, account, attempt_id
