-- Every attempt at one row of the ledger. Input: :conversion_id. Output: delivery_attempt, in order.
-- Cost: delivery_attempt_conversion probes.
select at, phase, outcome, code, text, batch_id, request_ref, request_sha256, run_id
from delivery_attempt
where conversion_id = :conversion_id
order by attempt_id
