-- No row of the ledger goes another way than docs/ledger.md says, whoever writes: a change of state that is not listed is
-- refused, a row opens only where planning may open it, and a row that left is never deleted (an update that moves a row to
-- another month deletes it there). The conditions are part of the triggers, so rows that go right call nothing.
create function refuse_state_change() returns trigger language plpgsql as $$
begin
    raise exception 'conversion % may not go from % to %',
        coalesce(new.conversion_id, old.conversion_id), coalesce(old.state, 'nothing'), coalesce(new.state, 'nothing')
        using errcode = 'integrity_constraint_violation';
end
$$;

create trigger conversion_state_changes after update of state on conversion for each row
when (old.state <> new.state and old.state || '>' || new.state not in (
    'planned>in_flight', 'planned>skipped', 'planned>superseded', 'planned>held', 'planned>unknown',
    'in_flight>accepted', 'in_flight>settled', 'in_flight>planned', 'in_flight>rejected', 'in_flight>unknown',
    'in_flight>held',
    'accepted>settled', 'accepted>rejected', 'accepted>planned', 'accepted>held', 'accepted>unknown',
    'held>planned', 'held>skipped', 'held>superseded',
    'skipped>planned', 'skipped>held', 'skipped>superseded',
    'rejected>planned',
    'unknown>settled', 'unknown>planned',
    'superseded>planned', 'superseded>skipped', 'superseded>held'
))
execute function refuse_state_change();

create trigger conversion_opens after insert on conversion for each row
when (new.state not in ('planned', 'skipped', 'held', 'superseded'))
execute function refuse_state_change();

create trigger conversion_stays after delete on conversion for each row
when (old.state not in ('planned', 'skipped', 'held', 'superseded'))
execute function refuse_state_change();
