-- How many rows were put into requests, ever. Input: none. Output: one count. Cost: one pass over delivery_attempt.
select count(*) from delivery_attempt where phase = 'intent'
