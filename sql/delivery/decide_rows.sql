-- Writes what a person decided about rows; nothing but a row in a state the decision is about can change here. A row that
-- goes again starts afresh: no copy of it counts as sent, and no answer against its patience.
-- Input:  :conversion_ids, :states (arrays), :state, :reason (where they go), :now. Output: conversion; conversion_id,
--         platform, account, of each changed entry. Cost: primary-key probes.
update conversion as entry
set state = :state, reason = :reason, in_doubt = false, code = null,
    first_sent_at = case when :state = 'settled' then entry.first_sent_at end,
    not_before = case when :state = 'settled' then entry.not_before else :now end,
    later_code = null, later_tries = 0, later_since = null, batch_group = '', changed_at = :now
where entry.conversion_id = any (cast(:conversion_ids as text[])) and entry.state = any (cast(:states as text[]))
returning entry.conversion_id, entry.platform, entry.account
