-- The months staged clicks fall into. Input: staged_click. Output: a moment in each. Cost: one pass over it.
select min(clicked_at) from staged_click group by date_trunc('month', clicked_at at time zone 'UTC')
