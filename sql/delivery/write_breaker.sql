-- Writes how the breaker of an account stands after an answer.
-- Input:  :platform, :account, :recent, :opened_at, :probe_at, :openings, :code, :text. Output: delivery_breaker. Cost: one probe.
update delivery_breaker
set recent = :recent, opened_at = :opened_at, probe_at = :probe_at, openings = :openings, code = :code, text = :text
where platform = :platform and account = :account
