-- Functions every table and query relies on. Inputs: none. Keys: none.

-- The twin of conversion_sync.model.conversion.conversion_id: a hash of what the row is.
create function conversion_id(event_key text, platform text, account text, action text, kind text)
returns text language sql immutable strict parallel safe as $$
    select left(encode(sha256(convert_to(
        event_key || chr(31) || platform || chr(31) || account || chr(31) || action || chr(31) || kind, 'UTF8')), 'hex'), 32)
$$;

-- Nearest integer, ties to even; numeric `round` goes away from zero.
create function round_half_even(value numeric)
returns bigint language sql immutable strict parallel safe as $$
    select (case
        when abs(value - trunc(value)) = 0.5 and mod(trunc(value), 2) = 0 then trunc(value)
        else round(value)
    end)::bigint
$$;

-- Creates the month's partition of a table partitioned by month (UTC), if it is missing.
-- Cost: one catalogue look-up when it exists.
create function ensure_month(parent text, moment timestamptz)
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
            'create table %I partition of %I for values from (%L) to (%L)',
            child, parent, first_day at time zone 'UTC', (first_day + interval '1 month') at time zone 'UTC');
    exception when duplicate_table then
        null; -- made while this one waited; asking to_regclass again would be answered from a stale cache
    end;
end
$$;
