-- The digest the account's next attempt must carry; holds the chain until the transaction ends.
-- Input:  :platform, :account. Output: digest. Cost: one primary-key probe.
insert into delivery_chain as chain (platform, account, digest)
values (:platform, :account, '')
on conflict (platform, account) do update set digest = chain.digest
returning digest
