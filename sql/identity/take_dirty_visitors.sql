-- Takes the visitors whose clicks or links changed off the list, for this transaction to work on.
-- Input: dirty(identify). Output: temporary table dirty_visitor (visitor_id). Cost: the rows taken.
with taken as (
    delete from dirty where room = 'identify' returning key
)
insert into dirty_visitor (visitor_id)
select key from taken
