-- Where the history of a billing account stands; it begins with the first question. A history that is to begin earlier
-- than it did is read anew.
-- Input:  :provider, :account, :read_from, :before (until when the past is wanted). Output: billing_history; read_until, complete_at.
-- Cost:   one primary-key probe.
insert into billing_history as known (provider, account, read_from, read_until, wanted_until)
values (:provider, :account, :read_from, :read_from, :before)
on conflict (provider, account) do update
set read_from = least(known.read_from, excluded.read_from),
    read_until = case when excluded.read_from < known.read_from then excluded.read_from else known.read_until end,
    wanted_until = greatest(known.wanted_until, excluded.wanted_until),
    complete_at = case when excluded.read_from < known.read_from then null else known.complete_at end
returning read_until, complete_at
