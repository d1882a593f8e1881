-- Whether an enabled account has rows that became due, or corrections whose payment was confirmed since.
-- Input:  :now, :since (rows due before it were seen by a run already). Output: platform, account.
-- Cost:   an index scan of conversion_due.
select distinct platform, account
from plan_account
join conversion using (platform, account)
where state = 'planned' and not_before <= :now and deadline > :now
    and (not_before > :since or kind = 'adjustment' and reason = 'ready' and changed_at > :since)
order by platform, account
