-- Takes the one request an open breaker lets through: whoever moves probe_at on has it, others wait for the next.
-- Input:  :platform, :account, :now, :next_probe_at. Output: a row if it was to be had. Cost: one probe.
update delivery_breaker
set probe_at = :next_probe_at
where platform = :platform and account = :account and opened_at is not null and probe_at <= :now
returning probe_at
