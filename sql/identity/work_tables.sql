-- What one step of `identify` works on. Dropped with the transaction.
create temporary table dirty_visitor (visitor_id text primary key) on commit drop;
create temporary table resolved_visitor (
    visitor_id text primary key, customer_key text not null, evidence text not null, linked_at timestamptz not null
) on commit drop;
create temporary table changed_customer (customer_key text primary key, touched_at timestamptz not null) on commit drop
