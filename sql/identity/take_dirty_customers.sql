-- Takes the customers whose evidence of being another one changed off the list, for this transaction to work on.
-- Input: dirty(merge). Output: temporary table dirty_customer (customer_key). Cost: the rows taken.
with taken as (
    delete from dirty where room = 'merge' returning key
)
insert into dirty_customer (customer_key)
select key from taken
