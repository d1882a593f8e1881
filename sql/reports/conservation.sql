-- Conservation: pairs of an alive event and an enabled ad account that do not have exactly one current row.
-- Input:  :start, :end (aware times or infinity). Output: one count. Cost: revenue_event_time for the span, conversion_event probes.
select count(*)
from revenue_event as event
cross join plan_account as ad
where event.retired_at is null
    and event.occurred_at >= cast(:start as timestamptz) and event.occurred_at < cast(:end as timestamptz)
    and 1 <> (
        select count(*)
        from conversion as entry
        where entry.event_key = event.event_key and entry.platform = ad.platform and entry.account = ad.account
            and entry.reason <> 'replanned'
    )
