-- All customers of a billing account are to be normalised anew, from their stored records.
-- Input:  raw_event, :provider, :account. Output: dirty(normalise). Cost: one index-only walk of raw_event_customer.
insert into dirty (room, key)
select distinct 'normalise', provider || ':' || account || ':' || resolved_customer
from raw_event
where provider = :provider and account = :account and resolved_customer is not null
order by 2
on conflict (room, key) do update set marked_at = excluded.marked_at
