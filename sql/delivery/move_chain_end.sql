-- Remembers the digest of the account's newest attempt. Input: :platform, :account, :digest. Cost: one probe.
update delivery_chain set digest = :digest where platform = :platform and account = :account
