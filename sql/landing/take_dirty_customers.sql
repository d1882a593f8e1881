-- The customers whose books to write: those with news, and those with records of the window.
-- Input:  dirty(normalise), raw_event, :window_start, :window_end (null: only those with news), :provider, :account, :prefix, :prefix_length. Output: customer_ref.
-- Cost:   the rows taken and the window's slice of one partition's raw_event_time.
with taken as (
    delete from dirty
    where room = 'normalise' and starts_with(key, :prefix)
    returning substr(key, :prefix_length + 1) as customer_ref
)
select customer_ref from taken
union
select resolved_customer
from raw_event
where created_at >= cast(:window_start as timestamptz) and created_at < cast(:window_end as timestamptz)
    and provider = :provider and account = :account and resolved_customer is not null
order by 1
