-- What one plan works on. Dropped with the transaction.
create temporary table work_event (event_key text primary key) on commit drop;
create temporary table desired (like conversion) on commit drop;
alter table desired
    alter column attempts drop not null, alter column in_doubt drop not null, alter column batch_group drop not null,
    alter column later_tries drop not null,
    alter column planned_at drop not null, alter column changed_at drop not null
