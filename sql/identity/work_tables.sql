-- What one step of `identify` works on. Dropped with the transaction.
create temporary table dirty_customer (customer_key text primary key) on commit drop;
create temporary table former_payer (customer_key text primary key, canonical_key text not null) on commit drop;
create temporary table found_merge (
    customer_key text primary key, into_key text not null, evidence text not null, source_ref text not null,
    linked_at timestamptz not null
) on commit drop;
create temporary table followed (
    customer_key text primary key, canonical_key text not null, in_ring boolean not null
) on commit drop;
create temporary table disputed (
    of_end text not null, of_id text not null, candidate text not null, reason text not null, evidence text not null,
    source_ref text not null, linked_at timestamptz not null, first_click_at timestamptz
) on commit drop;
create temporary table changed_payer (
    customer_key text primary key, old_canonical text not null, new_canonical text not null
) on commit drop;
create temporary table dirty_visitor (visitor_id text primary key) on commit drop;
create temporary table resolved_visitor (
    visitor_id text primary key, customer_key text not null, evidence text not null, linked_at timestamptz not null
) on commit drop;
create temporary table changed_customer (customer_key text primary key, touched_at timestamptz not null) on commit drop
