-- Whether an enabled account has rows that became due, or requests to ask after.
-- Input:  :now, :since (rows due before it were seen by a run already). Output: platform, account.
-- Cost:   index scans of conversion_due and settlement_poll_due.
select platform, account
from plan_account
join conversion using (platform, account)
where state = 'planned' and not_before <= :now and deadline > :now and not_before > :since
union
select platform, account
from plan_account
join settlement_poll using (platform, account)
where done_at is null and next_poll_at <= :now
order by platform, account
