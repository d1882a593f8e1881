-- Which queue of its account a row stands in: what a delivery looks for is found by this column, and not by the state.
-- A claim leaves the row in its queue, so that no index changes and PostgreSQL writes the row's new version beside the old
-- one (a heap-only update): months of the ledger keep the room for that.

create or replace function ensure_month(parent text, moment timestamptz)
returns void language plpgsql as $$
declare
    first_day timestamp := date_trunc('month', moment at time zone 'UTC');
    child text := parent || to_char(first_day, '"_y"YYYY"m"MM');
begin
    if to_regclass(format('%I.%I', current_schema(), child)) is not null then
        return;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('ensure_month:' || parent, 0));
    begin
        execute format(
            'create table %I partition of %I for values from (%L) to (%L)' || case parent when 'conversion' then ' with (fillfactor = 45)' else '' end,
            child, parent, first_day at time zone 'UTC', (first_day + interval '1 month') at time zone 'UTC');
    exception when duplicate_table then
        null; -- made while this one waited; asking to_regclass again would be answered from a stale cache
    end;
end
$$;

do $$
declare
    month regclass;
begin
    for month in select relid from pg_partition_tree('conversion') where isleaf loop
        execute format('alter table %s set (fillfactor = 45)', month);
    end loop;
end
$$;

-- Null where nobody has to do anything any more. Adding it writes every month anew, with the room.
alter table conversion add column queue text generated always as (
    case when state in ('planned', 'in_flight') then 'leaving'
         when state in ('accepted', 'held', 'unknown', 'rejected') then state end
) stored;

drop index conversion_due, conversion_request, conversion_open;
create index conversion_due on conversion (platform, account, kind, deadline, conversion_id) where queue = 'leaving';
create index conversion_request on conversion (platform, account, request_ref) where queue = 'accepted';
create index conversion_open on conversion (platform, account, queue)
    where queue in ('accepted', 'held', 'unknown', 'rejected');

-- As before (0005_ledger.sql), by queue.
create or replace view sendable as
select entry.conversion_id, entry.occurred_at, entry.platform, entry.account, entry.kind, entry.action,
       entry.not_before, entry.deadline, entry.batch_group
from conversion as entry
where entry.queue = 'leaving' and entry.state = 'planned'
    and (entry.kind = 'adjustment' or coalesce((
        select visit.ad_user_data
        from click_time as kept
        join click as visit
            on visit.source = kept.source and visit.click_ref = kept.click_ref and visit.clicked_at = kept.clicked_at
        where kept.source = entry.click_source and kept.click_ref = entry.click_ref
    ), 'unknown') <> 'denied')
    and (entry.kind = 'conversion' or (
        (
            select bool_or(original.state = 'settled') from conversion as original
            where original.conversion_id = entry.parent_conversion_id
        )
        and (select count(*) from dirty where dirty.room = 'plan' and dirty.key = entry.event_key) = 0
        and not exists (
            select 1 from conversion as sibling
            where sibling.parent_conversion_id = entry.parent_conversion_id
                and sibling.conversion_id <> entry.conversion_id
                and (
                    sibling.state in ('in_flight', 'accepted')
                    or (sibling.in_doubt and not entry.in_doubt)
                    or (sibling.state = 'planned' and sibling.in_doubt = entry.in_doubt
                        and (sibling.adjusted_at, sibling.conversion_id) < (entry.adjusted_at, entry.conversion_id))
                )
        )
    ));
