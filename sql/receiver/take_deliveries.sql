-- The next webhooks of an account to land, locked: what another run holds is left to it.
-- Input:  :provider, :account, :after (an inbox_id), :release, :count. Output: rows of webhook_inbox, oldest first.
-- Cost:   webhook_inbox_account from :after on; what this release parked is passed over.
select inbox_id, received_at, body
from webhook_inbox
where provider = :provider and account = :account and inbox_id > :after
    and parked_by is distinct from :release
order by inbox_id
limit :count
for update skip locked
