-- Writes the credit of the events at work, differing rows only.
-- Input:  work_event, found_credit. Output: credit. Cost: primary-key scans for the events at work.
with gone as (
    delete from credit as known
    using work_event as work
    where known.event_key = work.event_key
        and not exists (
            select 1 from found_credit as found
            where found.event_key = known.event_key and found.model = known.model and found.source = known.source
                and found.click_ref = known.click_ref and found.touched_at = known.touched_at
                and found.network = known.network
        )
    returning known.event_key
), written as (
    insert into credit as known (event_key, model, source, click_ref, touched_at, network, campaign, position, weight,
                                 credit_minor)
    select event_key, model, source, click_ref, touched_at, network, campaign, position, weight, credit_minor
    from found_credit
    on conflict (event_key, model, source, click_ref, touched_at, network) do update
    set campaign = excluded.campaign, position = excluded.position, weight = excluded.weight,
        credit_minor = excluded.credit_minor
    where (known.campaign, known.position, known.weight, known.credit_minor)
        is distinct from (excluded.campaign, excluded.position, excluded.weight, excluded.credit_minor)
    returning event_key
)
select (select count(*) from gone) + (select count(*) from written) as changed
