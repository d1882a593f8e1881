-- Reserves the next request of a bucket, if it may leave soon: the moment it may, and for how many conversions.
-- Requests are spread evenly but for a few that may leave at once (the generic cell rate algorithm): next_at moves on by
-- :spacing with each, and one may leave :tolerance before it. Days are UTC's. What may not leave until :longest from now is
-- not reserved: the bucket is parked until it may, so that every process knows, and whoever wakes deliveries.
-- Its commit is not waited for: it is on disk with the claim's, before the request leaves.
-- Input:  :platform, :account, :bucket, :now, :spacing, :tolerance, :longest (intervals), :requests_per_day and
--         :conversions_per_day (null: no limit), :fewest and :most conversions.
-- Output: granted, leave_at, conversions (how many may go along). Cost: one primary-key probe and update.
with stand as (
    select next_at, day, requests, conversions, (cast(:now as timestamptz) at time zone 'UTC')::date as today,
           greatest(cast(:now as timestamptz), next_at - cast(:tolerance as interval), parked_until) as evenly
    from delivery_pace
    where platform = :platform and account = :account and bucket = :bucket
    for update
), day_of as (
    select *, case when day = today then requests else 0 end as asked,
           case when day = today then conversions else 0 end as told
    from stand
), moment as (
    select *,
           case when asked >= cast(:requests_per_day as integer)
                     or told + greatest(cast(:fewest as bigint), 1) > cast(:conversions_per_day as bigint)
                then greatest(evenly, (today + 1)::timestamp at time zone 'UTC')
                else evenly end as leave_at
    from day_of
), ticket as (
    select *, leave_at <= cast(:now as timestamptz) + cast(:longest as interval) as granted,
           (leave_at at time zone 'UTC')::date as leaves_on,
           least(cast(:most as bigint),
                 cast(:conversions_per_day as bigint)
                 - case when (leave_at at time zone 'UTC')::date = today then told else 0 end) as along
    from moment
)
update delivery_pace as pace
set next_at = case when granted then greatest(pace.next_at, leave_at) + cast(:spacing as interval) else pace.next_at end,
    day = case when granted then leaves_on else today end,
    requests = case when not granted then asked when leaves_on = today then asked + 1 else 1 end,
    conversions = case when not granted then told when leaves_on = today then told + along else along end,
    parked_at = case when granted or parked_until >= leave_at then parked_at else :now end,
    parked_code = case when granted or parked_until >= leave_at then parked_code else 'own_limit' end,
    parked_text = case when granted or parked_until >= leave_at then parked_text else '' end,
    parked_until = case when granted then parked_until else leave_at end
from ticket
where platform = :platform and account = :account and bucket = :bucket
returning granted, leave_at, along as conversions, set_config('synchronous_commit', 'off', true)
