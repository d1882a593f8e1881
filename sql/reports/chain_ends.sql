-- The digest each account's chain must end with. Input: none. Output: delivery_chain. Cost: a row an account.
select platform, account, digest from delivery_chain where digest <> '' order by platform, account
