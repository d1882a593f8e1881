-- Remembers until when the past of a billing account has been read; it never moves back.
-- Input:  :provider, :account, :read_until. Output: billing_history. Cost: one primary-key probe.
update billing_history
set read_until = greatest(read_until, :read_until)
where provider = :provider and account = :account
