-- Whose evidence contradicts itself, by reason. Input: none. Output: a row per reason, with one of them. Cost: one pass over it.
select reason, of_end, count(distinct of_id) as entries, min(quarantined_at) as oldest, min(of_id) as example,
       min(candidate) as candidate
from quarantined_identity
group by reason, of_end
order by reason, of_end
