-- Requests to ask after now. Input: :platform, :account, :now. Output: settlement_poll rows. Cost: settlement_poll_due.
select request_ref, accepted_at, polls
from settlement_poll
where platform = :platform and account = :account and done_at is null and next_poll_at <= :now
order by next_poll_at, request_ref
