-- The rows a person means, by id, code, account or the hours of their events, with what deciding about them needs.
-- `doubted`: since a person last decided about it, a copy of it left that may have arrived.
-- Input:  :states, :reasons (arrays; null: any reason), :names, :bare (arrays; both null: not by id), :code, :platform, :account
--         (null: any), :start, :end (aware times or infinity).
-- Output: a row each, by account and deadline. Cost: by id primary-key and conversion_parent probes, else an index scan of
--         conversion_open; delivery_attempt_conversion probes for the rows found.
with named as (
    select unnest(cast(:names as text[])) as conversion_id
    union
    select conversion_id from conversion where parent_conversion_id = any (cast(:bare as text[]))
), chosen as (
    select entry.*
    from conversion as entry
    where entry.queue in ('held', 'unknown', 'rejected') and entry.queue = any (cast(:states as text[]))
        and (cast(:names as text[]) is null or entry.conversion_id in (select conversion_id from named))
        and (cast(:reasons as text[]) is null or entry.reason = any (cast(:reasons as text[])))
        and (cast(:code as text) is null or coalesce(entry.code, '') = :code)
        and (cast(:platform as text) is null or entry.platform = :platform)
        and (cast(:account as text) is null or entry.account = :account)
        and entry.occurred_at >= cast(:start as timestamptz) and entry.occurred_at < cast(:end as timestamptz)
)
select chosen.conversion_id, chosen.event_key, chosen.vendor_id, chosen.platform, chosen.account, chosen.state, chosen.reason,
       coalesce(chosen.code, '') as code, chosen.value_minor, chosen.currency, chosen.exponent,
       ad.platform is not null as configured,
       coalesce((
           select bool_or(tried.outcome = 'ambiguous' and tried.attempt_id > coalesce(said.attempt_id, 0))
           from delivery_attempt as tried
           cross join lateral (
               select max(last.attempt_id) as attempt_id
               from delivery_attempt as last
               where last.conversion_id = chosen.conversion_id and last.phase = 'operator'
           ) as said
           where tried.conversion_id = chosen.conversion_id
       ), false) as doubted
from chosen
left join plan_account as ad using (platform, account)
order by chosen.platform, chosen.account, chosen.code, chosen.deadline, chosen.conversion_id
