-- Keeps whose evidence contradicts itself, and who that could be; what was decided since goes.
-- Input:  disputed; dirty_visitor, followed (whose evidence was weighed). Output: quarantined_identity, dirty(plan): payments
--         of everybody it could be or could have been, from the visitor's first click on, and all of a customer's own.
-- Cost:   primary-key probes; revenue_event_customer scans for the candidates.
with weighed as (
    select 'visitor' as of_end, visitor_id as of_id from dirty_visitor
    union all
    select 'customer', customer_key from followed
), former as (
    select known.*
    from weighed
    join quarantined_identity as known using (of_end, of_id)
), gone as (
    delete from quarantined_identity as known
    using former
    where known.of_end = former.of_end and known.of_id = former.of_id and known.candidate = former.candidate
        and not exists (
            select 1 from disputed
            where disputed.of_end = known.of_end and disputed.of_id = known.of_id
                and disputed.candidate = known.candidate
        )
), written as (
    insert into quarantined_identity as known (of_end, of_id, candidate, reason, evidence, source_ref, linked_at,
                                               first_click_at)
    select of_end, of_id, candidate, reason, evidence, source_ref, linked_at, first_click_at from disputed
    on conflict (of_end, of_id, candidate) do update
    set reason = excluded.reason, evidence = excluded.evidence, source_ref = excluded.source_ref,
        linked_at = excluded.linked_at, first_click_at = excluded.first_click_at
    where (known.reason, known.evidence, known.source_ref, known.linked_at, known.first_click_at)
        is distinct from (excluded.reason, excluded.evidence, excluded.source_ref, excluded.linked_at,
                          excluded.first_click_at)
), concerned as (
    select case when of_end = 'visitor' then candidate else of_id end as canonical_key,
           min(case when of_end = 'visitor' then first_click_at else '-infinity' end) as since
    from (
        select of_end, of_id, candidate, first_click_at from former
        union all
        select of_end, of_id, candidate, first_click_at from disputed
    ) either
    where of_end = 'customer' or first_click_at is not null
    group by 1
), member as (
    select canonical_key as customer_key, since from concerned
    union all
    select known.customer_key, concerned.since
    from concerned
    join customer_alias as known using (canonical_key)
), marked as (
    insert into dirty (room, key)
    select distinct 'plan', event.event_key
    from member
    join revenue_event as event
        on event.customer_key = member.customer_key and event.occurred_at >= member.since
    where event.retired_at is null
    order by 2
    on conflict (room, key) do update set marked_at = excluded.marked_at
)
select count(distinct (of_end, of_id)) as disputed from disputed
