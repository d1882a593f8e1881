-- What changed and was not redone yet, by room. Input: none. Output: a row per room. Cost: one pass over dirty.
select room, count(*) as entries, min(marked_at) as oldest from dirty group by room order by room
