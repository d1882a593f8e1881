-- Where the configuration waits to be written. Dropped with the transaction.
create temporary table staged_account (like plan_account) on commit drop;
create temporary table staged_rule (like plan_rule) on commit drop;
create temporary table staged_window (like attribution_window) on commit drop
