-- Notes that a request was taken in and will be confirmed later.
-- Input:  :platform, :account, :request_ref, :now, :next_poll_at. Output: settlement_poll. Cost: one probe.
insert into settlement_poll (platform, account, request_ref, accepted_at, next_poll_at)
values (:platform, :account, :request_ref, :now, :next_poll_at)
on conflict (platform, account, request_ref) do nothing
