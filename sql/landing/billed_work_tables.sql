-- Whose billed clicks are at work. Dropped with the transaction.
create temporary table if not exists billed_visitor (visitor_id text) on commit drop
